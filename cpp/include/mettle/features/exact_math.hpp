// Logarithm, sine and cosine out of IEEE basic operations alone.
//
// libm picks its variants by processor and may differ in the last bit; these do not.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "mettle/features/level.hpp"

namespace mettle::features::inline METTLE_LEVEL {

// ln(a / b) for a, b > 0 as 2·atanh((a − b) / (a + b)) after scaling by a power of two: the
// difference is exact, so small returns keep their full precision.
inline double log_ratio(std::int64_t a, std::int64_t b) {
    constexpr double root2 = 1.4142135623730951;
    constexpr double ln2_high = 0x1.62e42fefa3800p-1;
    constexpr double ln2_low = 0x1.ef35793c76730p-45;
    double x = static_cast<double>(a);
    const double y = static_cast<double>(b);
    int power = 0;
    if (x > y * root2 || x * root2 < y) {
        int of_x = 0;
        int of_y = 0;
        std::frexp(x, &of_x);
        std::frexp(y, &of_y);
        power = of_x - of_y;
        x = std::ldexp(x, -power);
        if (x > y * root2) {
            x *= 0.5;
            ++power;
        } else if (x * root2 < y) {
            x *= 2.0;
            --power;
        }
    }
    const double s = (x - y) / (x + y);  // |s| ≤ 0.172: eleven terms leave less than 1e-18
    const double z = s * s;
    constexpr double odd[] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                              1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3};
    double series = 0.0;
    for (const double weight : odd) series = series * z + weight;
    const double log = 2.0 * s + 2.0 * s * z * series;
    return power == 0 ? log : power * ln2_high + (log + power * ln2_low);
}

struct Turn {
    double sine;
    double cosine;
};

// Sine and cosine of the angle part / whole of a full turn, 0 ≤ part < whole < 2^60. The octant is
// found in integers; Taylor series of the angle inside it end below 1e-16.
inline Turn turn(std::int64_t part, std::int64_t whole) {
    constexpr double quarter_pi = 0.7853981633974483;
    const std::int64_t octant = part * 8 / whole;
    const std::int64_t rest = part * 8 % whole;
    const bool mirrored = (octant & 1) != 0;
    const double angle = quarter_pi * (static_cast<double>(mirrored ? whole - rest : rest) /
                                       static_cast<double>(whole));
    const double z = angle * angle;
    constexpr double even[] = {1.0 / 272, 1.0 / 210, 1.0 / 156, 1.0 / 110,
                               1.0 / 72,  1.0 / 42,  1.0 / 20,  1.0 / 6};
    constexpr double odd[] = {1.0 / 240, 1.0 / 182, 1.0 / 132, 1.0 / 90,
                              1.0 / 56,  1.0 / 30,  1.0 / 12,  1.0 / 2};
    double sine = 1.0;
    for (const double weight : even) sine = 1.0 - sine * z * weight;
    sine *= angle;
    double cosine = 1.0;
    for (const double weight : odd) cosine = 1.0 - cosine * z * weight;
    const std::int64_t quadrant =
        ((octant + 1) / 2) % 4;  // quarter turns the angle is measured from
    if (mirrored) sine = -sine;
    switch (quadrant) {
        case 0:
            return {sine, cosine};
        case 1:
            return {cosine, -sine};
        case 2:
            return {-sine, -cosine};
        default:
            return {-cosine, sine};
    }
}

// Sum in four fixed lanes, oldest first: as fast as the adders allow, and the same on any machine.
inline double sum(const double* values, std::size_t count) {
    double lane[4] = {0.0, 0.0, 0.0, 0.0};
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (std::size_t k = 0; k < 4; ++k) lane[k] += values[i + k];
    for (std::size_t k = 0; i < count; ++i, ++k) lane[k] += values[i];
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

// The last `size` values in one piece: each is kept twice, `size` apart, in `memory` of 2·size.
class Ring {
  public:
    Ring(double* memory, std::size_t size) : memory_(memory), size_(size) {}

    // Store the value of bar number `ordinal` and return the window that ends with it.
    const double* push(std::int64_t ordinal, double value) {
        const auto slot = static_cast<std::size_t>(ordinal) % size_;
        memory_[slot] = value;
        memory_[slot + size_] = value;
        return memory_ + slot + 1;
    }

  private:
    double* memory_;
    std::size_t size_;
};

}  // namespace mettle::features::inline METTLE_LEVEL
