// Lane's stochastic oscillator: where the close lies between the extremes of n bars.
#pragma once

#include <algorithm>

#include "mettle/features/bars.hpp"
#include "mettle/features/exact_math.hpp"
#include "mettle/features/kernel.hpp"
#include "mettle/features/numbers.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// Raw: 0 to 100, and 0 where the extremes are equal (as TA-Lib). Stationary: −1 to 1, then 0.
template <Form form>
double fast_stochastic(const BarSpan& bars, std::ptrdiff_t i, int period) {
    std::int64_t high = bars.high[i];
    std::int64_t low = bars.low[i];
    for (std::ptrdiff_t k = i - period + 1; k < i; ++k) {
        high = std::max(high, bars.high[k]);
        low = std::min(low, bars.low[k]);
    }
    if (high == low) return 0.0;
    const double span = real(high - low);
    if constexpr (form == Form::raw) return 100.0 * (real(bars.close[i] - low) / span);
    return real(2 * bars.close[i] - low - high) / span;
}

// The mean of the last `smooth` fast values (TA-Lib's slow K).
struct StochasticK {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 1;
    struct State {};
    int period;
    int smooth;

    explicit StochasticK(const int* parameters) : period(parameters[0]), smooth(parameters[1]) {}
    int warmup() const { return period + smooth - 2; }
    int depth() const { return period; }
    std::size_t memory() const { return 2 * static_cast<std::size_t>(smooth); }

    template <Form form>
    void step(State&, double* memory, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const auto size = static_cast<std::size_t>(smooth);
        Ring fast(memory, size);
        const double now = fast_stochastic<form>(bars, i, period);
        carry[0] = sum(fast.push(bars.first + i, now), size);
    }

    template <Form>
    void value(const double* carry, const BarSpan&, std::ptrdiff_t, double* out) const {
        out[0] = carry[0] / smooth;
    }
};

// The mean of the last `signal` values of K (TA-Lib's slow D).
struct StochasticD {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 1;
    using State = StochasticK::State;
    StochasticK k;
    int signal;

    explicit StochasticD(const int* parameters) : k(parameters), signal(parameters[2]) {}
    int warmup() const { return k.warmup() + signal - 1; }
    int depth() const { return k.depth(); }
    std::size_t memory() const { return k.memory() + 2 * static_cast<std::size_t>(signal); }

    template <Form form>
    void step(State& state, double* memory, const BarSpan& bars, std::ptrdiff_t i,
              double* carry) const {
        const auto size = static_cast<std::size_t>(signal);
        double now = 0.0;
        k.step<form>(state, memory, bars, i, &now);
        k.value<form>(&now, bars, i, &now);
        Ring slow(memory + k.memory(), size);
        carry[0] = sum(slow.push(bars.first + i, now), size);
    }

    template <Form>
    void value(const double* carry, const BarSpan&, std::ptrdiff_t, double* out) const {
        out[0] = carry[0] / signal;
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
