// Traded volume, alone and with the price. All sums are integers and exact.
#pragma once

#include "mettle/features/bars.hpp"
#include "mettle/features/exact_math.hpp"

namespace mettle::features {

// (a − b) / (a + b) in [−1, 1], 0 where both are 0.
inline double contrast(double a, double b) {
    const double total = a + b;
    return total > 0.0 ? (a - b) / total : 0.0;
}

struct VolumeState {
    Wide sum;
};

// Mean of the last n volumes. Raw: base units. Stationary: volume / mean − 1, 0 without volume.
struct VolumeSma {
    static constexpr std::size_t outputs = 1;
    using State = VolumeState;
    int period;

    explicit VolumeSma(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        state.sum += bars.volume[i] - bars.volume[i - period];
        const double mean = real(state.sum) / period;
        if constexpr (form == Form::raw)
            out[0] = mean * bars.lot;
        else
            out[0] = mean > 0.0 ? (real(bars.volume[i]) - mean) / mean : 0.0;
    }
};

// Change against the previous bar. Raw: base units. Stationary: contrast of the two.
struct VolumeChange {
    static constexpr std::size_t outputs = 1;
    struct State {};

    explicit VolumeChange(const int*) {}
    int warmup() const { return 1; }
    int depth() const { return 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State&, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t now = bars.volume[i];
        const std::int64_t before = bars.volume[i - 1];
        out[0] =
            form == Form::raw ? real(now - before) * bars.lot : contrast(real(now), real(before));
    }
};

// Against the mean of the n bars before. Raw: volume / mean, 0 without volume. Stationary:
// contrast.
struct VolumeRatio {
    static constexpr std::size_t outputs = 1;
    using State = VolumeState;
    int period;

    explicit VolumeRatio(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period + 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        state.sum += bars.volume[i - 1] - bars.volume[i - period - 1];
        const double mean = real(state.sum) / period;
        const double now = real(bars.volume[i]);
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
    struct State {
        Wide up;
        Wide down;
    };
    int period;

    explicit MoneyFlow(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period + 1; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        add(state, bars, i, 1);
        add(state, bars, i - period, -1);
        const double up = real(state.up);
        const double down = real(state.down);
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
    void update(State& state, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::ptrdiff_t old = i - period;
        state.turnover += static_cast<Wide>(typical(bars, i)) * bars.volume[i] -
                          static_cast<Wide>(typical(bars, old)) * bars.volume[old];
        state.volume += bars.volume[i] - bars.volume[old];
        out[0] = 0.0;
        if (state.volume <= 0) return;
        const double distance = real(state.volume * 3 * bars.close[i] - state.turnover);
        out[0] = form == Form::raw ? distance / real(state.volume * 3) * bars.tick
                                   : distance / real(state.turnover);
    }
};

}  // namespace mettle::features
