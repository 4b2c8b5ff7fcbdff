// Moving average convergence divergence: line, signal, histogram.
#pragma once

#include "mettle/features/moving.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// As TA-Lib seeds it: both averages of the close begin at the slow one's first value, so that the
// fast one's seed is the mean of the n_fast closes that end there; the signal is seeded with the
// mean of the first n_signal lines. Raw: price. Stationary: value / close.
struct Macd {
    static constexpr std::size_t outputs = 3;
    static constexpr std::size_t carried = 2;  // line and signal in ticks
    struct State {
        EmaState fast;
        EmaState slow;
        double signal;
    };
    struct Steady {
        double fast;
        double slow;
        double signal;
    };
    EmaRule fast;
    EmaRule slow;
    EmaRule signal;

    explicit Macd(const int* parameters)
        : fast(parameters[0]), slow(parameters[1]), signal(parameters[2]) {}
    int warmup() const { return slow.period + signal.period - 2; }
    int depth() const { return 0; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const std::int64_t seen = bars.first + i;
        const int later = slow.period - fast.period;
        slow.update(state.slow, bars.close[i], seen);
        if (seen >= later) fast.update(state.fast, bars.close[i], seen - later);
        const double line = state.fast.value - state.slow.value;
        const std::int64_t lines = seen - (slow.period - 1);
        if (lines >= signal.period)
            signal.settled(state.signal, line);
        else if (lines >= 0)
            state.signal += line / signal.period;
        carry[0] = line;
        carry[1] = state.signal;
    }

    bool settle(const State& state, const BarSpan& bars, std::size_t from, std::size_t,
                Steady& steady) const {
        steady = {state.fast.value, state.slow.value, state.signal};
        return bars.first + static_cast<std::int64_t>(from) > warmup();
    }

    double feed(const BarSpan& bars, std::ptrdiff_t i) const { return ticks(bars.close[i]); }

    void step(Steady& state, double close, double* carry) const {
        slow.settled(state.slow, close);
        fast.settled(state.fast, close);
        const double line = state.fast - state.slow;
        signal.settled(state.signal, line);
        carry[0] = line;
        carry[1] = state.signal;
    }

    void keep(const Steady& steady, State& state) const {
        state.fast.value = steady.fast;
        state.slow.value = steady.slow;
        state.signal = steady.signal;
    }

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double values[] = {carry[0], carry[1], carry[0] - carry[1]};
        for (std::size_t k = 0; k < outputs; ++k)
            out[k] = form == Form::raw ? values[k] * bars.tick : values[k] / ticks(bars.close[i]);
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
