// Where a bar's open lies in its UTC day and week, as points on a circle; free of units.
#pragma once

#include "mettle/features/bars.hpp"
#include "mettle/features/exact_math.hpp"
#include "mettle/features/kernel.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// Outputs: sine, cosine. `length` and `origin` are milliseconds.
template <std::int64_t length, std::int64_t origin>
struct Calendar : Stateless {
    static constexpr std::size_t outputs = 2;

    explicit Calendar(const int*) {}
    int warmup() const { return 0; }
    int depth() const { return 0; }

    template <Form>
    void value(const double*, const BarSpan& bars, std::ptrdiff_t i, double* out) const {
        std::int64_t part = (bars.time[i] - origin) % length;
        if (part < 0) part += length;
        const Turn point = turn(part, length);
        out[0] = point.sine;
        out[1] = point.cosine;
    }
};

constexpr std::int64_t kDay = 86'400'000;
using DayCircle = Calendar<kDay, 0>;
using WeekCircle = Calendar<7 * kDay, 4 * kDay>;  // 5 January 1970 was a Monday

}  // namespace mettle::features::inline METTLE_LEVEL
