// The market's only random numbers: where an episode starts.
#pragma once

#include "integers.hpp"

namespace mettle::market {

// Finaliser of splitmix64 (Steele, Lea & Flood 2014).
METTLE_HD std::uint64_t mix(std::uint64_t z) {
    z += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
}

METTLE_HD std::uint64_t episode_hash(std::uint64_t seed, std::uint64_t environment,
                                     std::uint64_t episode) {
    return mix(mix(mix(seed) ^ environment) ^ episode);
}

}  // namespace mettle::market
