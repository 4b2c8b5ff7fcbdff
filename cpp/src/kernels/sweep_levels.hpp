// What the lanes of a sweep work on, and their loop once for each set of instructions. The loops see
// plain data only: a function compiled for one processor must not stand in for its twin elsewhere.
#pragma once

#include "mettle/market/settings.hpp"

namespace mettle::market {

inline constexpr int kSweepBlock = 16;  // pairs that go through the bars together

inline constexpr double kExactLimit = 0x1p52;
inline constexpr double kSlack = 1e-12;  // far above the rounding of what it is applied to

// Values of one block, a lane each. Amounts are whole numbers; where one is not exact in float64
// the lane is left to whole-number code.
struct alignas(64) SweepBlock {
    double fast[kSweepBlock];  // the averages, in ticks
    double slow[kSweepBlock];
    double fast_weight[kSweepBlock];
    double slow_weight[kSweepBlock];
    double fast_period[kSweepBlock];
    double slow_period[kSweepBlock];
    double alive[kSweepBlock];  // 0 after a ruin, and for lanes without a pair
    double limit[kSweepBlock];  // of a position's value: kExactLimit, or 0 where cash is not exact
    double cash[kSweepBlock];
    double lots[kSweepBlock];
    double equity[kSweepBlock];
    double peak[kSweepBlock];
    double worst[kSweepBlock];  // least equity / peak
    double sum[kSweepBlock];    // of the returns
    double square[kSweepBlock];
};

// Trade one lane from the close of bar t to that of t + 1; false to stop the block.
using SweepEvent = bool (*)(void* self, SweepBlock& block, int lane, Int t, double action);

struct SweepWorld {
    const Price* price;
    const Funding* funding;       // null: none
    const std::uint8_t* missing;  // null: none
    Int start;
    Int stop;
    double tick;
    double unit;
    double below;        // action where the fast average is below: -1 or 0
    double share;        // of equity that a position is meant to be worth
    double rounding;     // of share * equity, relative
    // On the safe side, by kSlack:
    double band;  // share of equity under which a change is not traded
    double more;  // value under which more is not bought (or sold short)
    double less;  // and under which a position is not reduced
    double ruin_equity;
    bool may_hold;       // whether a position may go through a bar in the lanes
    SweepEvent event;
    void* self;
};

using SweepLoop = void (*)(const SweepWorld& world, SweepBlock& block);

void sweep_portable(const SweepWorld& world, SweepBlock& block);
#if defined(__x86_64__)
void sweep_avx2(const SweepWorld& world, SweepBlock& block);
void sweep_avx512(const SweepWorld& world, SweepBlock& block);
#endif

}  // namespace mettle::market
