// The span of a bar. Raw: price. Stationary: value / close.
#pragma once

#include <algorithm>

#include "mettle/features/bars.hpp"

namespace mettle::features {

// Wilder's true range in ticks: the bar's span, widened to the previous close.
inline std::int64_t true_range(const BarSpan& bars, std::ptrdiff_t i) {
    const std::int64_t before = bars.close[i - 1];
    return std::max(bars.high[i], before) - std::min(bars.low[i], before);
}

struct TrueRange {
    static constexpr std::size_t outputs = 1;
    struct State {};

    explicit TrueRange(const int*) {}
    int warmup() const { return 1; }
    int depth() const { return 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State&, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double range = real(true_range(bars, i));
        out[0] = form == Form::raw ? range * bars.tick : range / real(bars.close[i]);
    }
};

// Average true range with Wilder's smoothing, seeded with the mean of the first n ranges; the
// first bar has no previous close and is left out.
struct Atr {
    static constexpr std::size_t outputs = 1;
    struct State {
        double value;
    };
    int period;
    double weight;

    explicit Atr(const int* parameters) : period(parameters[0]), weight(1.0 / parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t seen = bars.first + i;
        const double range = real(true_range(bars, i));
        if (seen > period)
            state.value += (range - state.value) * weight;
        else if (seen > 0)
            state.value += range * weight;
        out[0] = form == Form::raw ? state.value * bars.tick : state.value / real(bars.close[i]);
    }
};

struct HighLowRange {
    static constexpr std::size_t outputs = 1;
    struct State {};

    explicit HighLowRange(const int*) {}
    int warmup() const { return 0; }
    int depth() const { return 0; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State&, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double range = real(bars.high[i] - bars.low[i]);
        out[0] = form == Form::raw ? range * bars.tick : range / real(bars.close[i]);
    }
};

}  // namespace mettle::features
