// The loop of a batch's lanes once for each set of instructions, and the limits of their numbers.
#pragma once

#include "mettle/market/lanes.hpp"

namespace mettle::market::lanes {

inline constexpr double kTwo52 = 0x1p52;
inline constexpr double kSumLimit = 0x1p51;

#if defined(__x86_64__)
bool play_avx2(const Work& work, Int begin, Int end, const float* actions);
bool play_avx512(const Work& work, Int begin, Int end, const float* actions);
#endif

}  // namespace mettle::market::lanes
