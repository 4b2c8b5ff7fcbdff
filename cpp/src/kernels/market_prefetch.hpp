// What a step of the market reads and writes, asked of the memory ahead of it. Every file that
// includes this has functions of its own, compiled for its processor.
#pragma once

#include "mettle/market/environment.hpp"

namespace mettle::market {
namespace {

constexpr Int kLineBytes = 64;
constexpr Int kMostWritten = 8 * kLineBytes;  // of a row, fetched before it is written

// GCC takes a function that does nothing but prefetch for one without effect, and drops its calls.
// It may not look into an assembler's statement, not even an empty one.
#define METTLE_PREFETCH(address, ...)             \
    do {                                          \
        __builtin_prefetch(address, __VA_ARGS__); \
        asm volatile("");                         \
    } while (false)

// Where a line is wanted: what is read soon beside the core, and what is read later behind it,
// where more misses can be under way at once.
enum class Near : int { kSecondCache = 2, kFirstCache = 3 };

template <Near near>
inline void prefetch_lines(const void* address, Int bytes) {
    const auto* at = static_cast<const char*>(address);
    for (Int offset = 0; offset < bytes; offset += kLineBytes) {
        METTLE_PREFETCH(at + offset, 0, static_cast<int>(near));
    }
    METTLE_PREFETCH(at + bytes - 1, 0, static_cast<int>(near));  // the row need not begin on a line
}

// The rows of bars t and t + 1 lie side by side; that of t was read a whole sweep ago.
inline void prefetch_prices(const World& world, const StateColumns& state, Int e) {
    const Int assets = world.market.assets;
    prefetch_lines<Near::kFirstCache>(world.market.price + state.bar[e] * assets,
                                      2 * assets * static_cast<Int>(sizeof(Price)));
}

template <Near near>
inline void prefetch_features(const World& world, const StateColumns& state, Int e) {
    const Int floats = world.market.feature_width;
    if (world.mode == Mode::kIndex || floats == 0) return;
    prefetch_lines<near>(world.market.features + (state.bar[e] + 1) * floats,
                         floats * static_cast<Int>(sizeof(float)));
}

inline void prefetch_output(const World& world, const OutputColumns& output, Int e) {
    const auto* row = reinterpret_cast<const char*>(output.observations + e * world.width);
    const Int whole = world.width * static_cast<Int>(sizeof(float));
    const Int bytes = whole < kMostWritten ? whole : kMostWritten;
    for (Int offset = 0; offset < bytes; offset += kLineBytes) METTLE_PREFETCH(row + offset, 1);
}

}  // namespace
}  // namespace mettle::market
