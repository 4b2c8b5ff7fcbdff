// Settings, terms and table of the market: plain structs, the names of domain/simulation/settings.py.
#pragma once

#include "integers.hpp"

namespace mettle::market {

inline constexpr int kMaxAssets = 64;
inline constexpr int kMaxFillsPerAsset = 3;  // rebalance, one stop or liquidation, ruin

enum class Scheme : Int { kTargetWeight = 0, kThreshold = 1, kIncrement = 2 };
enum class Execution : Int { kTaker = 0, kMaker = 1 };
enum class StopKind : Int { kMarket = 0, kLimit = 1 };
enum class Reward : Int { kLogReturn = 0, kDifferentialSharpe = 1, kSortino = 2, kExcess = 3 };
enum class Reason : std::int32_t {
    kRebalance = 0,
    kStop = 1,
    kTrailingStop = 2,
    kLiquidation = 3,
    kRuin = 4,
    kMargin = 5,
};

struct Settings {
    Int initial_cash;
    Scheme scheme;
    bool allow_short;
    Int max_weight;
    Int gross_limit;
    Int threshold;
    Int increment;
    Int rebalance_band;
    Int participation;
    Execution execution;
    Int slippage;
    Int maker_offset;
    Int maker_wait;
    Int stop_loss;
    Int trailing_stop;
    StopKind stop_kind;
    Int stop_limit_offset;
    Int leverage;
    Int maintenance_margin;
    Int liquidation_fee;
    Int soft_margin;
    Int hard_margin;
    Int ruin_level;
    Reward reward;
    Int reward_halflife;
    Int turnover_penalty;
    Int drawdown_penalty;
    // Derived by `derive` and `is_plain`.
    Int ruin_equity;
    double decay;  // 1 - 2^(-1 / reward_halflife)
    bool plain;    // plain.hpp may be tried first
};

// Call visit(name, value) for every given setting, in the order of the Python class; the value is
// of whatever type holds it.
template <class AnySettings, class Visit>
void each_setting(AnySettings& settings, Visit&& visit) {
    visit("initial_cash", settings.initial_cash);
    visit("scheme", settings.scheme);
    visit("allow_short", settings.allow_short);
    visit("max_weight", settings.max_weight);
    visit("gross_limit", settings.gross_limit);
    visit("threshold", settings.threshold);
    visit("increment", settings.increment);
    visit("rebalance_band", settings.rebalance_band);
    visit("participation", settings.participation);
    visit("execution", settings.execution);
    visit("slippage", settings.slippage);
    visit("maker_offset", settings.maker_offset);
    visit("maker_wait", settings.maker_wait);
    visit("stop_loss", settings.stop_loss);
    visit("trailing_stop", settings.trailing_stop);
    visit("stop_kind", settings.stop_kind);
    visit("stop_limit_offset", settings.stop_limit_offset);
    visit("leverage", settings.leverage);
    visit("maintenance_margin", settings.maintenance_margin);
    visit("liquidation_fee", settings.liquidation_fee);
    visit("soft_margin", settings.soft_margin);
    visit("hard_margin", settings.hard_margin);
    visit("ruin_level", settings.ruin_level);
    visit("reward", settings.reward);
    visit("reward_halflife", settings.reward_halflife);
    visit("turnover_penalty", settings.turnover_penalty);
    visit("drawdown_penalty", settings.drawdown_penalty);
}

// What the venue says of one asset.
struct Terms {
    Int unit;  // 1e-8 quote per lot and tick
    Int maker_fee;
    Int taker_fee;
    Int min_notional;
    bool perpetual;
};

struct Price {
    Int open;
    Int close;
};

struct Extremes {
    Int high;
    Int low;
};

struct Funding {
    Int at_open;
    Int inside;
};

// What a resting limit sees while it waits from the open on, and the taker's base price after it.
struct Wait {
    Int low;
    Int high;
    Int buy;
    Int sell;
};

// Bars of A assets, time-major: row t holds A entries. Null pointers stand for "nowhere".
struct Market {
    Int bars;
    int assets;
    int feature_width;  // floats in one row of features, all assets together
    const Price* price;
    const Extremes* extremes;
    const Int* volume;
    const Funding* funding;       // null: no rate anywhere
    const std::uint8_t* missing;  // null: no bar is missing
    const Wait* wait;             // null: takers only
    const float* features;
    const Terms* terms;
};

}  // namespace mettle::market
