// Changes of the close over n bars, and inside one bar.
#pragma once

#include "mettle/features/bars.hpp"
#include "mettle/features/exact_math.hpp"
#include "mettle/features/kernel.hpp"
#include "mettle/features/numbers.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// close / close_n − 1. Raw: percent. Stationary: ratio.
struct RateOfChange : Stateless {
    static constexpr std::size_t outputs = 1;
    int period;

    explicit RateOfChange(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period; }

    template <Form form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t before = bars.close[i - period];
        const double change = ticks(bars.close[i] - before) / ticks(before);
        out[0] = form == Form::raw ? 100.0 * change : change;
    }
};

// The rate of change over one bar.
struct PriceChange : RateOfChange {
    static constexpr int one = 1;
    explicit PriceChange(const int*) : RateOfChange(&one) {}
};

// close − close_n. Raw: price. Stationary: value / close.
struct Momentum : Stateless {
    static constexpr std::size_t outputs = 1;
    int period;

    explicit Momentum(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period; }

    template <Form form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double change = ticks(bars.close[i] - bars.close[i - period]);
        out[0] = form == Form::raw ? change * bars.tick : change / ticks(bars.close[i]);
    }
};

// ln(close / close_n); free of units in both forms.
struct LogReturn : Stateless {
    static constexpr std::size_t outputs = 1;
    int period;

    explicit LogReturn(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period; }

    template <Form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        out[0] = log_ratio(bars.close[i], bars.close[i - period]);
    }
};

// Raw: close / open. Stationary: close / open − 1.
struct CloseOpen : Stateless {
    static constexpr std::size_t outputs = 1;

    explicit CloseOpen(const int*) {}
    int warmup() const { return 0; }
    int depth() const { return 0; }

    template <Form form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t part = form == Form::raw ? bars.close[i] : bars.close[i] - bars.open[i];
        out[0] = ticks(part) / ticks(bars.open[i]);
    }
};

}  // namespace mettle::features::inline METTLE_LEVEL
