// Sweeps on every set of instructions: trades and money are those of single backtests, and the
// figures are the same bits on each.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "levels.hpp"
#include "mettle/features/moving.hpp"
#include "mettle/market/backtest.hpp"
#include "mettle/market/step.hpp"
#include "mettle/market/sweep.hpp"

using namespace mettle::market;
using mettle::features::EmaRule;
using mettle::features::EmaState;

namespace {

constexpr Int kStart = 40;
constexpr double kTick = 0.01;

struct World {
    unsigned seed;
    Int bars;
    double volatility;
    double ticks;  // the first close
    bool gaps;
    bool perpetual;
    Int min_notional;
};

Settings cash_account() {
    Settings settings{};
    settings.initial_cash = 1'000'000'000'000;
    settings.max_weight = 10'000;
    settings.gross_limit = 10'000;
    settings.threshold = 3'000;
    settings.increment = 2'500;
    settings.slippage = 500;
    settings.maker_wait = 120;
    settings.stop_limit_offset = 5'000;
    settings.leverage = 1;
    settings.maintenance_margin = 5'000;
    settings.liquidation_fee = 5'000;
    settings.soft_margin = 8'000;
    settings.hard_margin = 9'000;
    settings.reward_halflife = 256;
    return settings;
}

Table make_table(const World& world) {
    std::mt19937_64 random(world.seed);
    std::normal_distribution<double> normal;
    const auto count = static_cast<std::size_t>(world.bars);
    std::vector<Int> open(count), high(count), low(count), close(count), volume(count, 50'000);
    std::vector<Int> at_open(count, 0), inside(count, 0);
    std::vector<std::uint8_t> missing(count, 0);
    double price = world.ticks;
    Int last = static_cast<Int>(price);
    for (std::size_t k = 0; k < count; ++k) {
        missing[k] = static_cast<std::uint8_t>(world.gaps && k > 1 && random() % 10 == 0);
        if (missing[k] == 0) price = std::clamp(price * std::exp(normal(random) * world.volatility), 1.0, 1e11);
        open[k] = last;
        close[k] = last = static_cast<Int>(price);
        const auto reach = missing[k] != 0 ? Int{0} : static_cast<Int>(price * world.volatility);
        high[k] = std::max(open[k], close[k]) + reach;
        low[k] = std::max<Int>(1, std::min(open[k], close[k]) - reach);
        if (missing[k] != 0) volume[k] = 0;
        const Int rate = static_cast<Int>(random() % 180'000) - 90'000;
        if (world.perpetual && k % 9 == 4) at_open[k] = rate;
        if (world.perpetual && k % 11 == 5) inside[k] = rate;
    }
    Table table;
    table.bar_seconds = 3600;
    table.terms.push_back({1'000, 200, 1'000, world.min_notional, world.perpetual});
    fill_table(table, {world.bars, 1, 0, open.data(), high.data(), low.data(), close.data(),
                       volume.data(), missing.data(), at_open.data(), inside.data(), nullptr});
    return table;
}

std::vector<EmaPair> make_pairs(unsigned seed, std::size_t count) {
    std::mt19937 random(seed);
    std::vector<EmaPair> pairs(count);
    for (EmaPair& one : pairs) {
        one.slow = 2 + static_cast<std::int32_t>(random() % 19);
        one.fast = 1 + static_cast<std::int32_t>(random() % 20) % one.slow;
    }
    return pairs;
}

// What a sweep writes, one entry a pair.
struct Figures {
    std::vector<Int> equity, fees, fills, ruined_at;
    std::vector<double> turnover, mean, deviation, drawdown;
    Int failed = -1;
};

struct Play {
    Settings settings;
    bool allow_short;
};

Figures sweep(const Market& market, const Play& play, const std::vector<EmaPair>& pairs, Int stop,
              LaneLevel level, int threads) {
    const std::size_t n = pairs.size();
    Figures found;
    for (auto* one : {&found.equity, &found.fees, &found.fills, &found.ruined_at}) one->resize(n);
    for (auto* one : {&found.turnover, &found.mean, &found.deviation, &found.drawdown}) one->resize(n);
    SweepOutput output{found.equity.data(),    found.fees.data(), found.fills.data(),
                       found.ruined_at.data(), found.turnover.data(), found.mean.data(),
                       found.deviation.data(), found.drawdown.data()};
    const SweepPlan plan{pairs.data(), static_cast<Int>(n), kStart, stop, kTick, play.allow_short,
                         level,        threads};
    found.failed = run_sweep(market, play.settings, plan, output);
    return found;
}

// One pair bar by bar, with the averages of the features.
class Cross final : public Decider {
public:
    Cross(const Market& market, EmaPair pair, bool allow_short)
        : market_(market), fast_(pair.fast), slow_(pair.slow), below_(allow_short ? -1.0F : 0.0F) {}
    bool wants_features() const override { return false; }
    bool decide(Int bar, const float* /*observation*/, float* actions) override {
        for (; next_ <= bar; ++next_) {
            if (market_.missing != nullptr && market_.missing[next_] != 0) continue;
            fast_.update(fast_state_, market_.price[next_].close, seen_);
            slow_.update(slow_state_, market_.price[next_].close, seen_);
            ++seen_;
        }
        const double fast = fast_state_.value * kTick;
        const double slow = slow_state_.value * kTick;
        *actions = fast > slow ? 1.0F : (fast < slow ? below_ : 0.0F);
        return true;
    }

private:
    const Market& market_;
    EmaRule fast_, slow_;
    EmaState fast_state_{}, slow_state_{};
    float below_;
    Int next_ = 0;
    Int seen_ = 0;
};

void check_backtest(const Market& market, const Play& play, EmaPair pair, Int stop,
                    const Figures& found, std::size_t number) {
    CAPTURE(pair.fast);
    CAPTURE(pair.slow);
    const auto marks = static_cast<std::size_t>(stop - kStart);
    std::vector<Int> equity(marks), cash(marks), lots(marks), funding(marks);
    std::vector<float> actions(marks);
    BacktestOutput output{equity.data(),  cash.data(), lots.data(), actions.data(),
                          funding.data(), {},          -1};
    Cross cross(market, pair, play.allow_short);
    REQUIRE(run_backtest(market, play.settings, kStart, stop, 1, &cross, output) ==
            Ending::kFinished);
    Int fees = 0;
    Wide turnover = 0;
    for (const Fill& one : output.fills) {
        fees += one.fee;
        turnover += static_cast<Wide>(one.lots) * one.ticks * market.terms[0].unit;
    }
    CHECK(found.equity[number] == equity.back());
    CHECK(found.fees[number] == fees);
    CHECK(found.fills[number] == static_cast<Int>(output.fills.size()));
    CHECK(found.ruined_at[number] == output.ruined_at);
    CHECK(found.turnover[number] == static_cast<double>(turnover));
    double peak = 0.0;
    double deepest = 0.0;
    for (const Int one : equity) {
        peak = std::max(peak, static_cast<double>(one));
        deepest = std::max(deepest, 1.0 - static_cast<double>(one) / peak);
    }
    deepest = std::min(deepest, 1.0);  // with debts it would be more
    CHECK(found.drawdown[number] == doctest::Approx(deepest).epsilon(1e-9));
}

void check_same(const Figures& found, const Figures& wanted) {
    CHECK(found.failed == wanted.failed);
    for (std::size_t k = 0; k < wanted.equity.size(); ++k) {
        CAPTURE(k);
        CHECK(found.equity[k] == wanted.equity[k]);
        CHECK(found.fees[k] == wanted.fees[k]);
        CHECK(found.fills[k] == wanted.fills[k]);
        CHECK(found.ruined_at[k] == wanted.ruined_at[k]);
        CHECK(found.turnover[k] == wanted.turnover[k]);
        CHECK(found.mean[k] == wanted.mean[k]);
        CHECK(found.deviation[k] == wanted.deviation[k]);
        CHECK(found.drawdown[k] == wanted.drawdown[k]);
    }
}

std::vector<Play> plays() {
    std::vector<Play> all(9, Play{cash_account(), false});
    all[1].settings.rebalance_band = 300;
    all[2].settings.max_weight = 3'333;
    all[2].settings.ruin_level = 8'000;
    all[3].settings.initial_cash = 10'000'000'000'000'000;  // not exact in float64
    all[4].settings.stop_loss = 20'000;
    all[4].settings.trailing_stop = 30'000;
    all[5].settings.execution = Execution::kMaker;
    all[6].settings.participation = 100'000;
    all[7].settings.scheme = Scheme::kThreshold;
    all[8].settings.leverage = 3;
    all[8].settings.gross_limit = 30'000;
    for (const std::size_t k : {7U, 8U}) all[k].settings.allow_short = all[k].allow_short = true;
    for (Play& one : all) derive(one.settings);
    return all;
}

}  // namespace

TEST_CASE_TEMPLATE("a sweep trades as single backtests do", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::lanes);
    const World worlds[] = {{1, 300, 0.02, 4e3, false, false, 0},
                            {2, 300, 0.02, 1e8, true, false, 50'000'000},
                            {3, 300, 0.15, 12.0, false, true, 0},
                            {4, 300, 0.002, 4e3, true, true, 5'000'000'000}};
    Int fills = 0;
    Int ruined = 0;
    for (const World& world : worlds) {
        CAPTURE(world.seed);
        const Table table = make_table(world);
        const std::vector<EmaPair> pairs = make_pairs(world.seed, 19);  // no whole number of lanes
        int number = 0;
        for (const Play& play : plays()) {
            CAPTURE(number);
            Lines<Wait> waits;
            if (play.settings.execution == Execution::kMaker) {
                waits = interpolate_waits(table, play.settings.maker_wait);
            }
            const Market market = table.view(waits.empty() ? nullptr : waits.data());
            const Figures found = sweep(market, play, pairs, world.bars, L::lanes, 1);
            REQUIRE(found.failed == -1);
            for (std::size_t k = 0; k < pairs.size(); ++k) {
                check_backtest(market, play, pairs[k], world.bars, found, k);
                fills += found.fills[k];
                ruined += found.ruined_at[k] >= 0;
            }
            check_same(sweep(market, play, pairs, world.bars, L::lanes, 3), found);
            check_same(found, sweep(market, play, pairs, world.bars, LaneLevel::kPortable, 1));
            ++number;
        }
    }
    CHECK(fills > 10'000);
    CHECK(ruined > 10);
}

TEST_CASE_TEMPLATE("a long sweep is the same bits on every level", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::lanes);
    const World world{5, 100'000, 0.004, 1e7, false, false, 500'000'000};
    const Table table = make_table(world);
    const Market market = table.view(nullptr);
    const Play play{[] {
                        Settings settings = cash_account();
                        settings.rebalance_band = 300;
                        derive(settings);
                        return settings;
                    }(),
                    false};
    const std::vector<EmaPair> pairs = make_pairs(6, 37);
    const Figures found = sweep(market, play, pairs, world.bars, L::lanes, 2);
    check_same(found, sweep(market, play, pairs, world.bars, LaneLevel::kPortable, 1));
    for (const std::size_t k : {0U, 17U, 36U}) {
        check_backtest(market, play, pairs[k], world.bars, found, k);
    }
    CHECK(std::accumulate(found.fills.begin(), found.fills.end(), Int{0}) > 100'000);
}

TEST_CASE_TEMPLATE("a sweep names the first pair that leaves 64 bits", L, ALL_LEVELS) {
    NEEDS_LEVEL(L::lanes);
    Table table = make_table({7, 120, 0.02, 4e3, false, false, 0});
    table.terms[0].unit = 1'000'000;  // a lot is worth 10^18 at the highest price
    for (std::size_t t = 60; t < 120; ++t) {
        table.price[t] = {kMaxTicks, kMaxTicks};
        table.extremes[t] = {kMaxTicks, kMaxTicks};
    }
    Play play{cash_account(), false};
    play.settings.initial_cash = Int{1} << 62;
    derive(play.settings);
    const std::vector<EmaPair> pairs = make_pairs(8, 40);
    const Market market = table.view(nullptr);
    const Int first = sweep(market, play, pairs, 120, LaneLevel::kPortable, 1).failed;
    CHECK(first >= 0);
    for (const int threads : {1, 3}) {
        CHECK(sweep(market, play, pairs, 120, L::lanes, threads).failed == first);
    }
}
