// Moving average convergence divergence: line, signal, histogram.
#pragma once

#include "mettle/features/moving.hpp"

namespace mettle::features {

// As TA-Lib seeds it: both averages of the close begin at the slow one's first value, so that the
// fast one's seed is the mean of the n_fast closes that end there; the signal is seeded with the
// mean of the first n_signal lines. Raw: price. Stationary: value / close.
struct Macd {
    static constexpr std::size_t outputs = 3;
    struct State {
        EmaState fast;
        EmaState slow;
        double signal;
    };
    EmaRule fast;
    EmaRule slow;
    int signal;
    double weight;

    explicit Macd(const int* parameters)
        : fast(parameters[0]),
          slow(parameters[1]),
          signal(parameters[2]),
          weight(2.0 / (parameters[2] + 1)) {}
    int warmup() const { return slow.period + signal - 2; }
    int depth() const { return 0; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t seen = bars.first + i;
        const int later = slow.period - fast.period;
        slow.update(state.slow, bars.close[i], seen);
        if (seen >= later) fast.update(state.fast, bars.close[i], seen - later);
        const double line = state.fast.value - state.slow.value;
        const std::int64_t lines = seen - (slow.period - 1);
        if (lines >= signal)
            state.signal += (line - state.signal) * weight;
        else if (lines >= 0)
            state.signal += line / signal;
        const double histogram = line - state.signal;
        if constexpr (form == Form::raw) {
            out[0] = line * bars.tick;
            out[1] = state.signal * bars.tick;
            out[2] = histogram * bars.tick;
        } else {
            const double close = real(bars.close[i]);
            out[0] = line / close;
            out[1] = state.signal / close;
            out[2] = histogram / close;
        }
    }
};

}  // namespace mettle::features
