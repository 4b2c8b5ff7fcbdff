// Relative strength index after Wilder (1978), "New Concepts in Technical Trading Systems".
#pragma once

#include "mettle/features/bars.hpp"
#include "mettle/features/kernel.hpp"
#include "mettle/features/numbers.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// Raw: 100·gain / (gain + loss), 0 where nothing moved (as TA-Lib). Stationary:
// (gain − loss) / (gain + loss) in [−1, 1], 0 where nothing moved.
struct Rsi {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 2;
    struct State {
        double gain;
        double loss;
    };
    struct Steady : State {};
    int period;
    double weight;

    explicit Rsi(const int* parameters) : period(parameters[0]), weight(1.0 / parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const std::int64_t seen = bars.first + i;
        const Move move(feed(bars, i));
        if (seen > period) {
            smooth(state, move);
        } else if (seen > 0) {  // the seed is the mean of the first n changes
            state.gain += move.up * weight;
            state.loss += move.down * weight;
        }
        carry[0] = state.gain;
        carry[1] = state.loss;
    }

    bool settle(const State& state, const BarSpan& bars, std::size_t from, std::size_t,
                Steady& steady) const {
        steady = {state};
        return bars.first + static_cast<std::int64_t>(from) > period;
    }

    double feed(const BarSpan& bars, std::ptrdiff_t i) const {
        return ticks(bars.close[i] - bars.close[i - 1]);
    }

    void step(Steady& state, double change, double* carry) const {
        smooth(state, Move(change));
        carry[0] = state.gain;
        carry[1] = state.loss;
    }

    void keep(const Steady& steady, State& state) const { state = steady; }

    template <Form form>
    void value(const double* carry, const BarSpan&, std::ptrdiff_t, double* out) const {
        const double total = carry[0] + carry[1];
        const double whole = total > 0.0 ? total : 1.0;  // where nothing moved: 0 / 1
        out[0] = form == Form::raw ? 100.0 * (carry[0] / whole) : (carry[0] - carry[1]) / whole;
    }

  private:
    struct Move {
        double up;
        double down;

        explicit Move(double change)
            : up(change > 0.0 ? change : 0.0),
              down(up - change) {}  // exact, and without a branch on the market's whim
    };

    void smooth(State& state, const Move& move) const {
        state.gain += (move.up - state.gain) * weight;
        state.loss += (move.down - state.loss) * weight;
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
