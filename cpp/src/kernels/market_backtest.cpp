#include "mettle/market/backtest.hpp"

#include <algorithm>
#include <limits>

#include "mettle/market/step.hpp"

namespace mettle::market {

namespace {

StepResult step_any(const Market& market, const Settings& settings, Account& account, Int t,
                    const float* actions, Trace* trace) {
    switch (market.assets) {
        case 1: return step<1>(market, settings, account, t, actions, trace);
        case 2: return step<2>(market, settings, account, t, actions, trace);
        case 4: return step<4>(market, settings, account, t, actions, trace);
        default: return step<0>(market, settings, account, t, actions, trace);
    }
}

void keep_mark(const Account& account, int assets, Int row, BacktestOutput& output) {
    output.equity[row] = account.equity;
    output.cash[row] = account.cash;
    std::copy_n(account.lots, assets, output.lots + row * assets);
}

}  // namespace

Ending run_backtest(const Market& market, const Settings& settings, Int start, Int stop, Int window,
                    Decider* decider, BacktestOutput& output) {
    const int assets = market.assets;
    const Int marks = stop - start;
    Int lots[kMaxAssets];
    Int basis[kMaxAssets];
    Int high_water[kMaxAssets];
    std::int32_t bars_held[kMaxAssets];
    Account account{0, 0, 0, 0.0, 0.0, lots, basis, high_water, bars_held};
    open_account(settings, account, assets);
    const bool features = decider != nullptr && decider->wants_features();
    const auto width = static_cast<std::size_t>(
        features ? observation_width(market, Mode::kWindow, window) : portfolio_width(assets));
    std::vector<float> observation(width);
    std::vector<Fill> room(static_cast<std::size_t>(kMaxFillsPerAsset * assets));
    std::fill_n(output.funding, (marks - 1) * assets, Int{0});
    output.fills.clear();
    output.ruined_at = -1;
    keep_mark(account, assets, 0, output);
    Int row = 0;
    for (; row < marks - 1 && output.ruined_at < 0; ++row) {
        const Int t = start + row;
        float* actions = output.actions + row * assets;
        if (decider != nullptr) {
            observe_portfolio(market, account, t, observation.data());
            if (features) {
                observe_features(market, Mode::kWindow, window, t,
                                 observation.data() + portfolio_width(assets));
            }
            if (!decider->decide(t, observation.data(), actions)) return Ending::kStopped;
        }
        Trace trace{room.data(), 0, output.funding + row * assets};
        const StepResult result = step_any(market, settings, account, t, actions, &trace);
        if (result.overflow) return Ending::kOverflow;
        output.fills.insert(output.fills.end(), room.begin(), room.begin() + trace.count);
        if (result.terminated) output.ruined_at = t + 1;
        keep_mark(account, assets, row + 1, output);
    }
    for (; row < marks - 1; ++row) {
        std::fill_n(output.actions + row * assets, assets, std::numeric_limits<float>::quiet_NaN());
        keep_mark(account, assets, row + 1, output);
    }
    return Ending::kFinished;
}

}  // namespace mettle::market
