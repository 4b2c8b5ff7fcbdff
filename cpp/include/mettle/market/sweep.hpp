// A sweep of the EMA cross: many pairs of averages over the bars of one asset, each with its own
// account, in lanes. What is kept of a pair does not grow with the bars.
#pragma once

#include "lane_level.hpp"
#include "settings.hpp"

namespace mettle::market {

struct EmaPair {
    std::int32_t fast;
    std::int32_t slow;
};

// The pairs and what they have in common. Bars of `market` before start warm the averages up.
struct SweepPlan {
    const EmaPair* pairs;
    Int count;
    Int start;  // decisions at the closes of bars start … stop - 2, starting flat
    Int stop;
    double tick;  // what one tick is worth to the features
    bool allow_short;
    LaneLevel level;
    int threads;
};

// One entry a pair; the arrays are the caller's.
struct SweepOutput {
    Int* equity;  // at the last mark
    Int* fees;
    Int* fills;
    Int* ruined_at;     // bar, or -1
    double* turnover;   // sum of the fills' values
    double* mean;       // of the simple returns from mark to mark
    double* deviation;  // of the same, ddof 1
    double* drawdown;   // the deepest, 0 … 1
};

// Play every pair; the market has one asset, 1 <= fast, slow, every average is warm at start, and
// the level is supported. Returns the first pair with an amount that left 64 bits, or -1. Trades
// and money are those of run_backtest, whatever the level and the threads.
Int run_sweep(const Market& market, const Settings& settings, const SweepPlan& plan,
              SweepOutput& output);

}  // namespace mettle::market
