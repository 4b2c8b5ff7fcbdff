// Mean and population deviation of the last n closes, exactly: Σx and Σx² are integers, and so is
// n²·variance = n·Σx² − (Σx)². Nothing cancels and nothing drifts.
#pragma once

#include <cmath>
#include <limits>

#include "mettle/features/bars.hpp"
#include "mettle/features/kernel.hpp"
#include "mettle/features/numbers.hpp"

namespace mettle::features::inline METTLE_LEVEL {

struct MomentState {
    Wide squares;
    std::int64_t sum;
};

// Of the closes less `origin`: the variance is the same, and near the price it fits 64 bits.
struct NearMoments {
    std::int64_t squares;
    std::int64_t sum;
    std::int64_t origin;
};

// Carries the sum in ticks (stationary: less n closes, so that the price cancels exactly) and
// n²·variance.
struct Moments {
    static constexpr std::size_t carried = 2;
    using Carrier = Moments;  // of the kernels below: one pass for all of a period
    using State = MomentState;
    using Steady = NearMoments;
    int period;

    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const std::int64_t in = bars.close[i];
        const std::int64_t out = bars.close[i - period];
        state.sum += in - out;
        state.squares += static_cast<Wide>(in - out) * (in + out);
        const Wide spread = state.squares * period - static_cast<Wide>(state.sum) * state.sum;
        carry[0] = real(form == Form::raw ? state.sum : state.sum - in * period);
        carry[1] = real(spread);
    }

    bool settle(const State& state, const BarSpan& bars, std::size_t from, std::size_t to,
                Steady& near) const {
        near.origin = bars.close[from];
        std::int64_t reach = 0;  // no less than any |close − origin|, and less than twice the most
        for (std::size_t i = from; i < to; ++i) {
            const std::int64_t away = bars.close[i] - near.origin;
            reach |= away < 0 ? -away : away;
        }
        const Wide origin = near.origin;
        const Wide squares = state.squares - 2 * origin * state.sum + origin * origin * period;
        const Wide most = squares + static_cast<Wide>(reach) * reach * static_cast<Wide>(to - from);
        if (most * period > std::numeric_limits<std::int64_t>::max()) return false;
        near.squares = static_cast<std::int64_t>(squares);
        near.sum = state.sum - near.origin * period;
        return true;
    }

    template <Form form>
    void step(Steady& near, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const std::int64_t in = bars.close[i] - near.origin;
        const std::int64_t out = bars.close[i - period] - near.origin;
        near.sum += in - out;
        near.squares += (in - out) * (in + out);
        carry[0] =
            real(form == Form::raw ? near.sum + near.origin * period : near.sum - in * period);
        carry[1] = real(near.squares * period - near.sum * near.sum);
    }

    void keep(const Steady& near, State& state) const {
        const Wide origin = near.origin;
        state.sum = near.sum + near.origin * period;
        state.squares = near.squares + 2 * origin * near.sum + origin * origin * period;
    }
};

// Bollinger bands: upper, middle, lower. Raw: price. Stationary: band / close − 1.
struct Bollinger : Moments {
    static constexpr std::size_t outputs = 3;
    int deviations;

    explicit Bollinger(const int* parameters) : Moments{parameters[0]}, deviations(parameters[1]) {}

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double width = deviations * std::sqrt(carry[1]);
        const double middle = carry[0];
        const double scale =
            form == Form::raw ? bars.tick / period : 1.0 / (ticks(bars.close[i]) * period);
        out[0] = (middle + width) * scale;
        out[1] = middle * scale;
        out[2] = (middle - width) * scale;
    }
};

// Population standard deviation of the close. Raw: price. Stationary: deviation / close.
struct RollingStd : Moments {
    static constexpr std::size_t outputs = 1;

    explicit RollingStd(const int* parameters) : Moments{parameters[0]} {}

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double deviation = std::sqrt(carry[1]) / period;
        out[0] = form == Form::raw ? deviation * bars.tick : deviation / ticks(bars.close[i]);
    }
};

// (close − mean) / deviation, 0 where the closes are all equal; free of units in both forms.
struct ZScore : Moments {
    static constexpr std::size_t outputs = 1;
    static constexpr Form carried_form = Form::stationary;

    explicit ZScore(const int* parameters) : Moments{parameters[0]} {}

    template <Form>
    void value(const double* carry, const BarSpan&, std::ptrdiff_t, double* out) const {
        const double spread = std::sqrt(carry[1]);
        out[0] = (0.0 - carry[0]) / (spread > 0.0 ? spread : 1.0);  // equal closes: 0 / 1
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
