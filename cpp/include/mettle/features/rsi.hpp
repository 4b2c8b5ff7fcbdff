// Relative strength index after Wilder (1978), "New Concepts in Technical Trading Systems".
#pragma once

#include "mettle/features/bars.hpp"

namespace mettle::features {

// Raw: 100·gain / (gain + loss), 0 where nothing moved (as TA-Lib). Stationary:
// (gain − loss) / (gain + loss) in [−1, 1], 0 where nothing moved.
struct Rsi {
    static constexpr std::size_t outputs = 1;
    struct State {
        double gain;
        double loss;
    };
    int period;
    double weight;

    explicit Rsi(const int* parameters) : period(parameters[0]), weight(1.0 / parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t seen = bars.first + i;
        const double change = real(bars.close[i] - bars.close[i - 1]);
        const double up = change > 0.0 ? change : 0.0;
        const double down = up - change;  // exact, and without a branch on the market's whim
        if (seen > period) {
            state.gain += (up - state.gain) * weight;
            state.loss += (down - state.loss) * weight;
        } else if (seen > 0) {  // the seed is the mean of the first n changes
            state.gain += up * weight;
            state.loss += down * weight;
        }
        const double total = state.gain + state.loss;
        if constexpr (form == Form::raw)
            out[0] = total > 0.0 ? 100.0 * (state.gain / total) : 0.0;
        else
            out[0] = total > 0.0 ? (state.gain - state.loss) / total : 0.0;
    }
};

}  // namespace mettle::features
