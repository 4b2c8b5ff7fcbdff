// What every feature kernel reads: one asset's bars in ticks and lots, oldest first.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mettle::features {

// In the price's units, or free of them. The numbers are those of a snapshot.
enum class Form : std::uint8_t { raw = 0, stationary = 1 };

// A run of bars that one asset has (missing ones are left out). Index 0 is the first of the run;
// negative indices reach into the past as far as the kernel's depth(), and read 0 before the
// asset's first bar, so that rolling sums need no case for the start.
struct BarSpan {
    const std::int64_t* time;    // opens, Unix milliseconds
    const std::int64_t* open;    // ticks
    const std::int64_t* high;    // ticks
    const std::int64_t* low;     // ticks
    const std::int64_t* close;   // ticks
    const std::int64_t* volume;  // lots
    std::int64_t first;          // how many bars of the asset came before index 0
    double tick;                 // quote currency a tick
    double lot;                  // base units a lot
};

inline double real(std::int64_t value) {
    return static_cast<double>(value);
}

}  // namespace mettle::features
