// Volatility a bar over the last n bars; free of units in both forms. The mean of float terms is
// summed anew over the window at each bar: a running sum would drift and depend on its beginning.
#pragma once

#include <cmath>

#include "mettle/features/bars.hpp"
#include "mettle/features/exact_math.hpp"
#include "mettle/features/kernel.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// A root of the mean of one term a bar; Term gives the term and its warm-up.
template <class Term>
struct MeanRoot {
    static constexpr std::size_t outputs = 1;
    static constexpr std::size_t carried = 1;
    struct State {};
    int period;

    explicit MeanRoot(const int* parameters) : period(parameters[0]) {}
    int warmup() const { return period - 1 + Term::warmup; }
    int depth() const { return 1; }
    std::size_t memory() const { return 2 * static_cast<std::size_t>(period); }

    template <Form>
    void step(State&, double* memory, const BarSpan& bars, std::ptrdiff_t i, double* carry) const {
        const auto size = static_cast<std::size_t>(period);
        carry[0] = sum(Ring(memory, size).push(bars.first + i, Term::of(bars, i)), size);
    }

    template <Form>
    void value(const double* carry, const BarSpan&, std::ptrdiff_t, double* out) const {
        const double mean = carry[0] / period;
        out[0] = std::sqrt(mean > 0.0 ? mean : 0.0);
    }
};

inline double squared_log(std::int64_t a, std::int64_t b) {
    const double log = log_ratio(a, b);
    return log * log;
}

constexpr double kLn2 = 0.6931471805599453;

// Squared log return of the close.
struct RealisedTerm {
    static constexpr int warmup = 1;
    static double of(const BarSpan& bars, std::ptrdiff_t i) {
        return bars.close[i - 1] > 0 ? squared_log(bars.close[i], bars.close[i - 1]) : 0.0;
    }
};

// Parkinson (1980), Journal of Business 53: ln(high / low)² / (4 ln 2).
struct ParkinsonTerm {
    static constexpr int warmup = 0;
    static double of(const BarSpan& bars, std::ptrdiff_t i) {
        return squared_log(bars.high[i], bars.low[i]) / (4.0 * kLn2);
    }
};

// Garman and Klass (1980), Journal of Business 53: ½ ln(high / low)² − (2 ln 2 − 1) ln(close /
// open)².
struct GarmanKlassTerm {
    static constexpr int warmup = 0;
    static double of(const BarSpan& bars, std::ptrdiff_t i) {
        return 0.5 * squared_log(bars.high[i], bars.low[i]) -
               (2.0 * kLn2 - 1.0) * squared_log(bars.close[i], bars.open[i]);
    }
};

using RealisedVolatility = MeanRoot<RealisedTerm>;
using Parkinson = MeanRoot<ParkinsonTerm>;
using GarmanKlass = MeanRoot<GarmanKlassTerm>;

}  // namespace mettle::features::inline METTLE_LEVEL
