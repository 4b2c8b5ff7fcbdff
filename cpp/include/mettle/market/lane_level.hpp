// The sets of instructions of the loops with lanes: those of sweeps and of batches.
#pragma once

namespace mettle::market {

enum class LaneLevel : int { kBest = 0, kPortable = 1, kAvx2 = 2, kAvx512 = 3 };

bool supported(LaneLevel level);

// What is played where a supported level is asked for: the same, but for the best.
LaneLevel resolved(LaneLevel level);

}  // namespace mettle::market
