// The plain market (plain.hpp) with several environments in the lanes of one register: what its
// loops work on. There is one loop for each set of instructions; what none of them covers, and a
// processor without these sets, is left to the general code.
#pragma once

#include "environment.hpp"
#include "lane_level.hpp"

namespace mettle::market::lanes {

// What the lanes need of the terms and settings, prepared once.
struct Terms {
    double unit[kMaxAssets];
    double fee[kMaxAssets];
    double min_notional[kMaxAssets];
    Int free_to_reduce[kMaxAssets];  // all bits, or none: perpetuals
    double limit;                    // of one amount, so that the sums over the assets are exact
    bool plain_reward;               // the log return and nothing else
};

// What a loop leaves to the general code. It calls by pointers: a function compiled for one
// processor must not stand in for its twin elsewhere.
struct General {
    void* self;
    // Step environments; returns whether a number left int64.
    bool (*advance)(void* self, Int begin, Int end, const float* actions);
    // Everything from the mark of environment e on; the same.
    bool (*close)(void* self, Int e, Int equity, Int traded);
    // Write the features of the bars at which some environments now are.
    void (*show)(void* self, Int begin, Int end);
};

struct Work {
    const World& world;
    const Columns& columns;
    const Terms& terms;
    General general;
};

// Steps environments; returns whether a number left int64.
using Loop = bool (*)(const Work& work, Int begin, Int end, const float* actions);

// The loop of a level that is supported and not the best; null if it has none.
Loop loop_of(LaneLevel level);

// Whether prices and terms leave room for the lanes' exact sums and products.
bool fits(const Market& market, const Settings& settings, Int highest_price);

Terms prepare(const Market& market, const Settings& settings);

}  // namespace mettle::market::lanes
