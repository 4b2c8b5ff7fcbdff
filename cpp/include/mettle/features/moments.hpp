// Mean and population deviation of the last n closes, exactly: Σx and Σx² are integers, and so is
// n²·variance = n·Σx² − (Σx)². Nothing cancels and nothing drifts.
#pragma once

#include <cmath>

#include "mettle/features/bars.hpp"
#include "mettle/features/exact_math.hpp"

namespace mettle::features {

struct MomentState {
    Wide squares;
    std::int64_t sum;
};

// Take one close and return n·deviation in ticks.
inline double moments_update(MomentState& state, const BarSpan& bars, std::ptrdiff_t i,
                             int period) {
    const std::int64_t in = bars.close[i];
    const std::int64_t out = bars.close[i - period];
    state.sum += in - out;
    state.squares += static_cast<Wide>(in - out) * (in + out);
    const Wide spread = state.squares * period - static_cast<Wide>(state.sum) * state.sum;
    return std::sqrt(real(spread));
}

// Bollinger bands: upper, middle, lower. Raw: price. Stationary: band / close − 1.
struct Bollinger {
    static constexpr std::size_t outputs = 3;
    using State = MomentState;
    int period;
    int deviations;

    explicit Bollinger(const int* parameters) : period(parameters[0]), deviations(parameters[1]) {}
    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double width = deviations * moments_update(state, bars, i, period);
        double middle = real(state.sum);
        double scale = bars.tick / period;
        if constexpr (form == Form::stationary) {
            middle = real(state.sum - bars.close[i] * period);
            scale = 1.0 / real(bars.close[i] * period);
        }
        out[0] = (middle + width) * scale;
        out[1] = middle * scale;
        out[2] = (middle - width) * scale;
    }
};

// Population standard deviation of the close. Raw: price. Stationary: deviation / close.
struct RollingStd {
    static constexpr std::size_t outputs = 1;
    using State = MomentState;
    int period;

    explicit RollingStd(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double deviation = moments_update(state, bars, i, period) / period;
        out[0] = form == Form::raw ? deviation * bars.tick : deviation / real(bars.close[i]);
    }
};

// (close − mean) / deviation, 0 where the closes are all equal; free of units in both forms.
struct ZScore {
    static constexpr std::size_t outputs = 1;
    using State = MomentState;
    int period;

    explicit ZScore(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double spread = moments_update(state, bars, i, period);
        const double distance = real(bars.close[i] * period - state.sum);
        out[0] = spread > 0.0 ? distance / spread : 0.0;
    }
};

}  // namespace mettle::features
