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

constexpr std::size_t kBlock = 128;  // rows at a time: bars and results stay in the near caches
constexpr std::size_t kStride = kBlock + 8;  // of columns, off the powers of two that caches share
constexpr std::size_t kLanes = 4;            // assets whose chains of bars run side by side
constexpr std::size_t kCarried = 2;          // most numbers that a kernel carries a bar
constexpr std::size_t kOutputs = 3;          // most values that it tells of one

// One asset's part of a block of rows: its bars, what is carried, and where each column goes.
struct Block {
    BarSpan bars;
    std::size_t count;  // of its bars, at most kBlock
    double* carry;      // kCarried columns, kStride apart
    double* values;     // column c of the set begins at values + c·stride
    std::size_t stride;
};

}  // namespace mettle::features
