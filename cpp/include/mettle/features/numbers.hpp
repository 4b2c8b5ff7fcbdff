// Whole numbers as float64, rounded once.
#pragma once

#include <bit>
#include <cstdint>

#include "mettle/features/level.hpp"

namespace mettle::features::inline METTLE_LEVEL {

using Wide = __int128;

inline double real(std::int64_t value) {
    return static_cast<double>(value);
}

inline double real(Wide value) {
    const auto narrow = static_cast<std::int64_t>(value);
    return narrow == value ? static_cast<double>(narrow) : static_cast<double>(value);
}

// The same for |value| < 2^51, such as prices and their differences, and for 0 ≤ value < 2^63: of
// operations that every vector unit has. The bits of 2^52 + n are those of 2^52, and n added.
inline double ticks(std::int64_t value) {
    constexpr double base = 0x1.8p52;
    return std::bit_cast<double>(value + std::bit_cast<std::int64_t>(base)) - base;
}

inline double lots(std::int64_t value) {
    constexpr double low_base = 0x1p52;
    constexpr double high_base = 0x1p84;
    const auto bits = static_cast<std::uint64_t>(value);
    const std::uint64_t low = (bits & 0xffffffff) | std::bit_cast<std::uint64_t>(low_base);
    const std::uint64_t high = (bits >> 32) | std::bit_cast<std::uint64_t>(high_base);
    return (std::bit_cast<double>(high) - (high_base + low_base)) + std::bit_cast<double>(low);
}

}  // namespace mettle::features::inline METTLE_LEVEL
