// Markets as they fall, for tests that hold one way of playing against another.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "mettle/market/step.hpp"
#include "mettle/market/table.hpp"

namespace mettle::market {

using Random = std::mt19937_64;

// A whole number of [low, high].
inline Int within(Random& random, Int low, Int high) {
    return std::uniform_int_distribution<Int>(low, high)(random);
}

inline bool now_and_then(Random& random, int one_in) { return within(random, 1, one_in) == 1; }

inline std::vector<Terms> random_terms(Random& random, int assets) {
    std::vector<Terms> terms;
    for (int i = 0; i < assets; ++i) {
        terms.push_back({within(random, 1, 20), within(random, 0, 500), within(random, 0, 2'000),
                         within(random, 0, 5'000'000), now_and_then(random, 2)});
    }
    return terms;
}

// Walks with gaps, with funding and with bars too thin for the orders, as it falls.
inline std::shared_ptr<const Table> random_table(Random& random, const std::vector<Terms>& terms,
                                                 Int bars) {
    const auto assets = static_cast<int>(terms.size());
    const auto count = static_cast<std::size_t>(bars * assets);
    const bool funded = now_and_then(random, 2);
    const bool gapped = now_and_then(random, 2);
    const double roughness = now_and_then(random, 3) ? 0.06 : 0.01;
    std::vector<Int> open(count), high(count), low(count), close(count), volume(count);
    std::vector<Int> funding_open(count, 0), funding_inside(count, 0);
    std::vector<std::uint8_t> missing(count, 0);
    std::vector<Int> last(static_cast<std::size_t>(assets), 4'000'000);
    std::normal_distribution<double> normal(0.0, roughness);
    for (std::size_t k = 0; k < count; ++k) {
        Int& price = last[k % static_cast<std::size_t>(assets)];
        open[k] = std::max<Int>(1, price + within(random, -price / 200, price / 200));
        price = std::clamp<Int>(static_cast<Int>(static_cast<double>(price) * std::exp(normal(random))),
                                100, 400'000'000);
        close[k] = price;
        high[k] = std::max(open[k], close[k]) + within(random, 0, price / 100);
        low[k] = std::max<Int>(1, std::min(open[k], close[k]) - within(random, 0, price / 100));
        volume[k] = within(random, 0, 200'000);
        if (funded && k % 5 == 3) funding_open[k] = within(random, -100'000, 100'000);
        if (funded && k % 7 == 2) funding_inside[k] = within(random, -100'000, 100'000);
        missing[k] = static_cast<std::uint8_t>(gapped && now_and_then(random, 20));
    }
    const int width = assets * static_cast<int>(within(random, 0, 5));
    std::vector<float> features(static_cast<std::size_t>(bars * width));
    for (float& one : features) one = static_cast<float>(normal(random));
    auto table = std::make_shared<Table>();
    table->bar_seconds = 3600;
    table->terms = terms;
    fill_table(*table, {bars, assets, width, open.data(), high.data(), low.data(), close.data(),
                        volume.data(), missing.data(), funding_open.data(), funding_inside.data(),
                        features.data()});
    return table;
}

inline Settings random_settings(Random& random) {
    const auto some = [&](Int low, Int high) {
        return now_and_then(random, 2) ? within(random, low, high) : 0;
    };
    Settings settings{};
    settings.initial_cash = within(random, 1'000'000'000, 1'000'000'000'000);
    settings.scheme = static_cast<Scheme>(within(random, 0, 2));
    settings.leverage = now_and_then(random, 2) ? 1 : within(random, 2, 20);
    settings.allow_short = settings.leverage > 1 && now_and_then(random, 2);
    settings.max_weight = within(random, 1'000, 10'000 * settings.leverage);
    settings.gross_limit = within(random, 1'000, 10'000 * settings.leverage);
    settings.threshold = within(random, 0, 9'000);
    settings.increment = within(random, 1, 10'000);
    settings.rebalance_band = some(0, 500);
    settings.participation = some(1'000, 1'000'000);
    settings.execution = static_cast<Execution>(within(random, 0, 1));
    settings.slippage = some(0, 3'000);
    settings.maker_offset = some(0, 5'000);
    settings.maker_wait = within(random, 1, 4'000);
    settings.stop_loss = some(1'000, 100'000);
    settings.trailing_stop = some(1'000, 100'000);
    settings.stop_kind = static_cast<StopKind>(within(random, 0, 1));
    settings.stop_limit_offset = within(random, 0, 20'000);
    settings.maintenance_margin = within(random, 1'000, 20'000);
    settings.liquidation_fee = within(random, 0, 20'000);
    settings.soft_margin = within(random, 5'000, 8'000);
    settings.hard_margin = within(random, 8'000, 10'000);
    settings.ruin_level = now_and_then(random, 2) ? within(random, 8'000, 9'900) : 1'000;
    settings.reward = static_cast<Reward>(within(random, 0, 3));
    settings.reward_halflife = within(random, 2, 500);
    settings.turnover_penalty = some(1, 10'000);
    settings.drawdown_penalty = some(1, 1'000'000);
    derive(settings);
    return settings;
}

}  // namespace mettle::market
