// The sets of instructions as types, for tests that run once on each: TEST_CASE_TEMPLATE("…", L,
// ALL_LEVELS). A test that finds its level missing on this processor says so and checks nothing;
// main.cpp adds up the checks of each level.
#pragma once

#include <doctest/doctest.h>

#include "mettle/inference/mlp.hpp"
#include "mettle/learning/kernels.hpp"
#include "mettle/market/lane_level.hpp"

namespace mettle::test {

// What is chosen where nothing is asked for.
struct Best {
    static constexpr auto inference = inference::Dispatch::best;
    static constexpr auto training = learning::Level::best;
    static constexpr auto lanes = market::LaneLevel::kBest;
};
struct Portable {
    static constexpr auto inference = inference::Dispatch::portable;
    static constexpr auto training = learning::Level::portable;
    static constexpr auto lanes = market::LaneLevel::kPortable;
};
struct Avx2 {
    static constexpr auto inference = inference::Dispatch::avx2;
    static constexpr auto training = learning::Level::avx2;
    static constexpr auto lanes = market::LaneLevel::kAvx2;
};
struct Avx512 {
    static constexpr auto inference = inference::Dispatch::avx512;
    static constexpr auto training = learning::Level::avx512;
    static constexpr auto lanes = market::LaneLevel::kAvx512;
};

// In the order of the enumerations; a test's name ends in one of them, in angle brackets.
inline constexpr const char* kLevelNames[] = {"best", "portable", "avx2", "avx512"};

#define ALL_LEVELS \
    mettle::test::Best, mettle::test::Portable, mettle::test::Avx2, mettle::test::Avx512

// Leave a test whose level this processor does not have.
#define NEEDS_LEVEL(level)                                       \
    if (!supported(level)) {                                     \
        MESSAGE("skipped: this processor does not have it");     \
        return;                                                  \
    }

}  // namespace mettle::test

TYPE_TO_STRING_AS("best", mettle::test::Best);
TYPE_TO_STRING_AS("portable", mettle::test::Portable);
TYPE_TO_STRING_AS("avx2", mettle::test::Avx2);
TYPE_TO_STRING_AS("avx512", mettle::test::Avx512);
