// The span of a bar. Raw: price. Stationary: value / close.
#pragma once

#include <algorithm>

#include "mettle/features/bars.hpp"
#include "mettle/features/kernel.hpp"
#include "mettle/features/numbers.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// Wilder's true range in ticks: the bar's span, widened to the previous close.
inline double true_range(const BarSpan& bars, std::ptrdiff_t i) {
    const double before = ticks(bars.close[i - 1]);
    return std::max(ticks(bars.high[i]), before) - std::min(ticks(bars.low[i]), before);
}

struct TrueRange : Stateless {
    static constexpr std::size_t outputs = 1;

    explicit TrueRange(const int*) {}
    int warmup() const { return 1; }
    int depth() const { return 1; }

    template <Form form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double range = true_range(bars, i);
        out[0] = form == Form::raw ? range * bars.tick : range / ticks(bars.close[i]);
    }
};

// Average true range with Wilder's smoothing, seeded with the mean of the first n ranges; the
// first bar has no previous close and is left out.
struct Atr {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 1;
    struct State {
        double value;
    };
    struct Steady : State {};
    int period;
    double weight;

    explicit Atr(const int* parameters) : period(parameters[0]), weight(1.0 / parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const std::int64_t seen = bars.first + i;
        const double range = true_range(bars, i);
        if (seen > period)
            state.value += (range - state.value) * weight;
        else if (seen > 0)
            state.value += range * weight;
        carry[0] = state.value;
    }

    bool settle(const State& state, const BarSpan& bars, std::size_t from, std::size_t,
                Steady& steady) const {
        steady = {state};
        return bars.first + static_cast<std::int64_t>(from) > period;
    }

    double feed(const BarSpan& bars, std::ptrdiff_t i) const { return true_range(bars, i); }

    void step(Steady& state, double range, double* carry) const {
        state.value += (range - state.value) * weight;
        carry[0] = state.value;
    }

    void keep(const Steady& steady, State& state) const { state = steady; }

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        out[0] = form == Form::raw ? carry[0] * bars.tick : carry[0] / ticks(bars.close[i]);
    }
};

struct HighLowRange : Stateless {
    static constexpr std::size_t outputs = 1;

    explicit HighLowRange(const int*) {}
    int warmup() const { return 0; }
    int depth() const { return 0; }

    template <Form form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double range = ticks(bars.high[i] - bars.low[i]);
        out[0] = form == Form::raw ? range * bars.tick : range / ticks(bars.close[i]);
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
