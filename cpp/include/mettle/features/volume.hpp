// Traded volume, alone and with the price. All sums are integers and exact.
#pragma once

#include <limits>

#include "mettle/features/bars.hpp"
#include "mettle/features/kernel.hpp"
#include "mettle/features/numbers.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// (a − b) / (a + b) in [−1, 1] for a, b ≥ 0, and 0 where both are 0.
inline double contrast(double a, double b) {
    const double total = a + b;
    return (a - b) / (total > 0.0 ? total : 1.0);
}

// Sum of n volumes, the newest `lag` bars ago.
template <int lag>
struct VolumeSum {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 1;
    struct State {
        Wide sum;
    };
    struct Steady {  // while it fits 64 bits
        std::int64_t sum;
    };
    int period;

    explicit VolumeSum(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1 + lag; }
    int depth() const { return period + lag; }
    std::size_t memory() const { return 0; }

    template <Form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        state.sum += change(bars, i);
        carry[0] = real(state.sum);
    }

    bool settle(const State& state, const BarSpan& bars, std::size_t from, std::size_t to,
                Steady& steady) const {
        constexpr Wide room = std::numeric_limits<std::int64_t>::max();
        std::int64_t reach = 0;  // no less than any volume that comes in
        for (std::size_t i = from; i < to; ++i)
            reach |= bars.volume[static_cast<std::ptrdiff_t>(i) - lag];
        steady.sum = static_cast<std::int64_t>(state.sum);
        return state.sum + static_cast<Wide>(reach) * static_cast<Wide>(to - from) <= room;
    }

    template <Form>
    void step(Steady& steady, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        steady.sum += change(bars, i);
        carry[0] = real(steady.sum);
    }

    void keep(const Steady& steady, State& state) const { state.sum = steady.sum; }

  private:
    std::int64_t change(const BarSpan& bars, std::ptrdiff_t i) const {
        return bars.volume[i - lag] - bars.volume[i - lag - period];
    }
};

// Mean of the last n volumes. Raw: base units. Stationary: volume / mean − 1, 0 without volume.
struct VolumeSma : VolumeSum<0> {
    using VolumeSum::VolumeSum;

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double mean = carry[0] / period;
        if constexpr (form == Form::raw)
            out[0] = mean * bars.lot;
        else
            out[0] = (lots(bars.volume[i]) - mean) / (mean > 0.0 ? mean : 1.0);
    }
};

// Change against the previous bar. Raw: base units. Stationary: contrast of the two.
struct VolumeChange : Stateless {
    static constexpr std::size_t outputs = 1;

    explicit VolumeChange(const int*) {}
    int warmup() const { return 1; }
    int depth() const { return 1; }

    template <Form form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t now = bars.volume[i];
        const std::int64_t before = bars.volume[i - 1];
        out[0] =
            form == Form::raw ? real(now - before) * bars.lot : contrast(lots(now), lots(before));
    }
};

// Against the mean of the n bars before. Raw: volume / mean, 0 without volume. Stationary:
// contrast.
struct VolumeRatio : VolumeSum<1> {
    using VolumeSum::VolumeSum;

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double mean = carry[0] / period;
        const double now = lots(bars.volume[i]);
        if constexpr (form == Form::raw)
            out[0] = mean > 0.0 ? now / mean : 0.0;
        else
            out[0] = contrast(now, mean);
    }
};

inline std::int64_t typical(const BarSpan& bars, std::ptrdiff_t i) {  // three times the price
    return bars.high[i] + bars.low[i] + bars.close[i];
}

// Money flow index (Quong and Soudack 1989): the share of the typical price's turnover in bars
// where that price rose. Raw: 0 to 100. Stationary: contrast of the two turnovers.
struct MoneyFlow {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 2;
    struct State {
        Wide up;
        Wide down;
    };
    int period;

    explicit MoneyFlow(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period + 1; }
    std::size_t memory() const { return 0; }

    template <Form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        add(state, bars, i, 1);
        add(state, bars, i - period, -1);
        carry[0] = real(state.up);
        carry[1] = real(state.down);
    }

    template <Form form>
    void value(const double* carry, const BarSpan&, std::ptrdiff_t, double* out) const {
        const double up = carry[0];
        const double down = carry[1];
        if constexpr (form == Form::raw)
            out[0] = up + down > 0.0 ? 100.0 * (up / (up + down)) : 0.0;
        else
            out[0] = contrast(up, down);
    }

  private:
    static void add(State& state, const BarSpan& bars, std::ptrdiff_t i, int sign) {
        const std::int64_t now = typical(bars, i);
        const std::int64_t before = typical(bars, i - 1);
        const Wide flow = static_cast<Wide>(now) * bars.volume[i] * sign;
        if (now > before) state.up += flow;
        if (now < before) state.down += flow;
    }
};

// Distance of the close from the volume-weighted typical price of n bars, 0 without volume.
// Raw: price. Stationary: close / average − 1.
struct VwapDistance {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 2;
    struct State {
        Wide turnover;
        Wide volume;
    };
    int period;

    explicit VwapDistance(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void step(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const std::ptrdiff_t old = i - period;
        state.turnover += static_cast<Wide>(typical(bars, i)) * bars.volume[i] -
                          static_cast<Wide>(typical(bars, old)) * bars.volume[old];
        state.volume += bars.volume[i] - bars.volume[old];
        const bool traded = state.volume > 0;
        const Wide distance = state.volume * 3 * bars.close[i] - state.turnover;
        carry[0] = traded ? real(distance) : 0.0;
        carry[1] = traded ? real(form == Form::raw ? state.volume * 3 : state.turnover) : 1.0;
    }

    template <Form form>
    void value(const double* carry, const BarSpan& bars, std::ptrdiff_t, double* out) const {
        const double ratio = carry[0] / carry[1];
        out[0] = form == Form::raw ? ratio * bars.tick : ratio;
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
