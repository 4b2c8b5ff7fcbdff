#include "mettle/market/lanes.hpp"

#include "market_lanes_levels.hpp"

namespace mettle::market::lanes {

namespace {

double amount_limit(const Market& market) {
    return kSumLimit / static_cast<double>(larger(4, market.assets));
}

}  // namespace

bool fits(const Market& market, const Settings& settings, Int highest_price) {
    const auto price = static_cast<double>(highest_price);
    // A row needs room behind the portfolio for what the lanes write across its end.
    bool good = market.feature_width > 0 && settings.plain && settings.rebalance_band == 0 &&
                settings.stop_loss == 0 && settings.trailing_stop == 0 &&
                price * static_cast<double>(kRateScale + settings.slippage) < kTwo52;
    for (int i = 0; i < market.assets; ++i) {
        good = good &&
               price * 2.0 * static_cast<double>(market.terms[i].unit) < amount_limit(market) &&
               static_cast<double>(market.terms[i].min_notional) < kTwo52;
    }
    return good;
}

Terms prepare(const Market& market, const Settings& settings) {
    Terms terms{};
    for (int i = 0; i < market.assets; ++i) {
        terms.unit[i] = static_cast<double>(market.terms[i].unit);
        terms.fee[i] = static_cast<double>(market.terms[i].taker_fee);
        terms.min_notional[i] = static_cast<double>(market.terms[i].min_notional);
        terms.free_to_reduce[i] = market.terms[i].perpetual ? -1 : 0;
    }
    terms.limit = amount_limit(market);
    terms.plain_reward = settings.reward == Reward::kLogReturn && settings.turnover_penalty == 0 &&
                         settings.drawdown_penalty == 0;
    return terms;
}

Loop loop_of(LaneLevel level) {
#if defined(__x86_64__)
    if (level == LaneLevel::kAvx512) return play_avx512;
    if (level == LaneLevel::kAvx2) return play_avx2;
#else
    static_cast<void>(level);
#endif
    return nullptr;
}

}  // namespace mettle::market::lanes
