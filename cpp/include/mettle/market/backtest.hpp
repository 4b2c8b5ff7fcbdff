// The fast backtest: one account over consecutive bars, with every fill kept.
#pragma once

#include <vector>

#include "observe.hpp"
#include "settings.hpp"
#include "table.hpp"

namespace mettle::market {

// Where a backtest over bars [start, stop) writes, n = stop - start; the arrays are the caller's.
struct BacktestOutput {
    Int* equity;     // (n)
    Int* cash;       // (n)
    Int* lots;       // (n, assets)
    float* actions;  // (n - 1, assets): read if the decider leaves them, NaN after a ruin
    Int* funding;    // (n - 1, assets)
    std::vector<Fill> fills;
    Int ruined_at;   // bar, or -1
};

// Decides the actions of bar `bar`; `observation` is as wide as asked for. False stops the run.
class Decider {
public:
    virtual ~Decider() = default;
    virtual bool decide(Int bar, const float* observation, float* actions) = 0;
    // Whether decide reads features after the portfolio part.
    virtual bool wants_features() const { return true; }
};

enum class Ending { kFinished, kOverflow, kStopped };

// Decide at the closes of bars start … stop - 2, starting flat. The caller has checked the range,
// and that window - 1 bars lie before start if features are wanted. Without a decider the actions
// are those already in the output.
Ending run_backtest(const Market& market, const Settings& settings, Int start, Int stop, Int window,
                    Decider* decider, BacktestOutput& output);

}  // namespace mettle::market
