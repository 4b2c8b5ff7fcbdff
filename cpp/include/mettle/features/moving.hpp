// Moving averages of the close. Raw: price. Stationary: average / close − 1.
#pragma once

#include "mettle/features/bars.hpp"

namespace mettle::features {

// Simple average of the last n closes; the sum is an integer and therefore exact.
struct Sma {
    static constexpr std::size_t outputs = 1;
    struct State {
        std::int64_t sum;
    };
    int period;

    explicit Sma(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        state.sum += bars.close[i] - bars.close[i - period];
        if constexpr (form == Form::raw)
            out[0] = real(state.sum) / period * bars.tick;
        else
            out[0] = real(state.sum - bars.close[i] * period) / real(bars.close[i] * period);
    }
};

// Exponential average in ticks with weight 2 / (n + 1), seeded with the mean of n values.
struct EmaState {
    std::int64_t sum;
    double value;
};

struct EmaRule {
    int period;
    double weight;

    explicit EmaRule(int bars) : period(bars), weight(2.0 / (bars + 1)) {}

    // Take the value that comes after `seen` others.
    void update(EmaState& state, std::int64_t value, std::int64_t seen) const {
        if (seen < period) {
            state.sum += value;
            state.value = real(state.sum) / period;  // the seed once n values are in
        } else {
            state.value += (real(value) - state.value) * weight;
        }
    }
};

struct Ema {
    static constexpr std::size_t outputs = 1;
    using State = EmaState;
    EmaRule rule;

    explicit Ema(const int* parameters) : rule(parameters[0]) {}
    int warmup() const { return rule.period - 1; }
    int depth() const { return 0; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        rule.update(state, bars.close[i], bars.first + i);
        if constexpr (form == Form::raw)
            out[0] = state.value * bars.tick;
        else
            out[0] = (state.value - real(bars.close[i])) / real(bars.close[i]);
    }
};

}  // namespace mettle::features
