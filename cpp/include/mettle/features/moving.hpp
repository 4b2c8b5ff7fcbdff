// Moving averages of the close. Raw: price. Stationary: average / close − 1.
#pragma once

#include "mettle/features/bars.hpp"
#include "mettle/features/kernel.hpp"
#include "mettle/features/numbers.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// Simple average of the last n closes; the sum is an integer and therefore exact.
struct Sma {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 1;
    struct State {
        std::int64_t sum;
    };
    int period;

    explicit Sma(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        state.sum += bars.close[i] - bars.close[i - period];
        carry[0] = real(form == Form::raw ? state.sum : state.sum - bars.close[i] * period);
    }

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        if constexpr (form == Form::raw)
            out[0] = carry[0] / period * bars.tick;
        else
            out[0] = carry[0] / (ticks(bars.close[i]) * period);
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
            settled(state.value, real(value));
        }
    }

    void settled(double& average, double value) const { average += (value - average) * weight; }
};

struct Ema {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 1;
    using State = EmaState;
    using Steady = double;
    EmaRule rule;

    explicit Ema(const int* parameters) : rule(parameters[0]) {}
    int warmup() const { return rule.period - 1; }
    int depth() const { return 0; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        rule.update(state, bars.close[i], bars.first + i);
        carry[0] = state.value;
    }

    bool settle(const State& state, const BarSpan& bars, std::size_t from, std::size_t,
                Steady& average) const {
        average = state.value;
        return bars.first + static_cast<std::int64_t>(from) >= rule.period;
    }

    double feed(const BarSpan& bars, std::ptrdiff_t i) const { return ticks(bars.close[i]); }

    void step(Steady& average, double close, double* carry) const {
        rule.settled(average, close);
        carry[0] = average;
    }

    void keep(const Steady& average, State& state) const { state.value = average; }

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double close = ticks(bars.close[i]);
        out[0] = form == Form::raw ? carry[0] * bars.tick : (carry[0] - close) / close;
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
