// Changes of the close over n bars, and inside one bar.
#pragma once

#include "mettle/features/bars.hpp"
#include "mettle/features/exact_math.hpp"

namespace mettle::features {

// close / close_n − 1. Raw: percent. Stationary: ratio.
struct RateOfChange {
    static constexpr std::size_t outputs = 1;
    struct State {};
    int period;

    explicit RateOfChange(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State&, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const std::int64_t before = bars.close[i - period];
        const double change = real(bars.close[i] - before) / real(before);
        out[0] = form == Form::raw ? 100.0 * change : change;
    }
};

// The rate of change over one bar.
struct PriceChange : RateOfChange {
    static constexpr int one = 1;
    explicit PriceChange(const int*) : RateOfChange(&one) {}
};

// close − close_n. Raw: price. Stationary: value / close.
struct Momentum {
    static constexpr std::size_t outputs = 1;
    struct State {};
    int period;

    explicit Momentum(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State&, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double change = real(bars.close[i] - bars.close[i - period]);
        out[0] = form == Form::raw ? change * bars.tick : change / real(bars.close[i]);
    }
};

// ln(close / close_n); free of units in both forms.
struct LogReturn {
    static constexpr std::size_t outputs = 1;
    struct State {};
    int period;

    explicit LogReturn(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period; }
    int depth() const { return period; }
    std::size_t memory() const { return 0; }

    template <Form>
    void update(State&, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        out[0] = log_ratio(bars.close[i], bars.close[i - period]);
    }
};

// Raw: close / open. Stationary: close / open − 1.
struct CloseOpen {
    static constexpr std::size_t outputs = 1;
    struct State {};

    explicit CloseOpen(const int*) {}
    int warmup() const { return 0; }
    int depth() const { return 0; }
    std::size_t memory() const { return 0; }

    template <Form form>
    void update(State&, double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        const double open = real(bars.open[i]);
        out[0] = form == Form::raw ? real(bars.close[i]) / open
                                   : real(bars.close[i] - bars.open[i]) / open;
    }
};

}  // namespace mettle::features
