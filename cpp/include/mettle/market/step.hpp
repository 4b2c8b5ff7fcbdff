// One step of the market: the decision at t, the open, the inside and the close of t + 1.
#pragma once

#include <cmath>

#include "inside.hpp"
#include "plain.hpp"

namespace mettle::market {

struct StepResult {
    double reward;  // 0 where fills are traced
    bool terminated;
    bool overflow;
};

inline constexpr double kLeastGrowth = 1e-9;      // what a ruin is taken as in the reward
inline constexpr double kLeastVariance = 1e-12;
inline constexpr double kSortinoLimit = 10.0;

METTLE_HD void derive(Settings& settings) {
    bool overflow = false;  // ruin_level < 10^4, so the result is under initial_cash
    settings.ruin_equity =
        scale_down<kActionScale>(settings.initial_cash, settings.ruin_level, overflow);
    settings.decay = 1.0 - std::pow(2.0, -1.0 / static_cast<double>(settings.reward_halflife));
}

METTLE_HD void open_account(const Settings& settings, Account& account, int assets) {
    account.cash = settings.initial_cash;
    account.equity = settings.initial_cash;
    account.peak = settings.initial_cash;
    account.moment_a = 0.0;
    account.moment_b = 0.0;
    for (int i = 0; i < assets; ++i) {
        account.lots[i] = 0;
        account.basis[i] = 0;
        account.high_water[i] = 0;
        account.bars_held[i] = 0;
    }
}

METTLE_HD Int mark(Context& context, const Account& account, int assets) {
    const Price* price = context.market.price + context.bar * assets;
    Int equity = account.cash;
    for (int i = 0; i < assets; ++i) {
        const Int value = notional(account.lots[i], price[i].close, context.market.terms[i].unit,
                                   context.overflow);
        equity = add(equity, value, context.overflow);
    }
    return equity;
}

// Close everything at the close of the bar, as a taker.
METTLE_HD void ruin(Context& context, Account& account, int assets) {
    for (int i = 0; i < assets; ++i) {
        if (account.lots[i] == 0) continue;
        const Int close = context.market.price[context.bar * assets + i].close;
        const Int slippage = context.settings.slippage;
        const Int side = account.lots[i] > 0 ? -1 : 1;
        const Int ticks = side > 0 ? buy_price(close, slippage, context.overflow)
                                   : sell_price(close, slippage, context.overflow);
        book(context, account, i,
             Execute{side, absolute(account.lots[i]), ticks, close,
                     context.market.terms[i].taker_fee, 0, false, Reason::kRuin});
    }
}

// Log of the equal-weight close-to-close growth of all assets.
METTLE_HD double benchmark_return(const Context& context, int assets) {
    const Price* now = context.market.price + context.bar * assets;
    const Price* before = now - assets;
    double sum = 0.0;
    for (int i = 0; i < assets; ++i) {
        sum += static_cast<double>(now[i].close) / static_cast<double>(before[i].close);
    }
    return std::log(sum / static_cast<double>(assets));
}

// Moody & Saffell 2001, "Learning to trade via direct reinforcement".
METTLE_HD double differential_sharpe(Account& account, double decay, double gain) {
    const double a = account.moment_a;
    const double b = account.moment_b;
    const double variance = b - a * a;
    double reward = gain;
    if (variance > kLeastVariance) {
        const double top = b * (gain - a) - 0.5 * a * (gain * gain - b);
        reward = top / (variance * std::sqrt(variance));
    }
    account.moment_a = a + decay * (gain - a);
    account.moment_b = b + decay * (gain * gain - b);
    return reward;
}

METTLE_HD double sortino(Account& account, double decay, double gain) {
    const double down = gain < 0.0 ? gain : 0.0;
    account.moment_b = account.moment_b + decay * (down * down - account.moment_b);
    const double reward = gain / std::sqrt(account.moment_b + kLeastVariance);
    return reward > kSortinoLimit ? kSortinoLimit : reward < -kSortinoLimit ? -kSortinoLimit : reward;
}

METTLE_HD double reward_of(const Context& context, Account& account, Int before, bool ruined,
                           int assets) {
    const Settings& settings = context.settings;
    const auto start = static_cast<double>(before);
    double growth = static_cast<double>(account.equity) / start;
    if (ruined && !(growth >= kLeastGrowth)) growth = kLeastGrowth;
    double reward = 0.0;
    switch (settings.reward) {
        case Reward::kLogReturn: reward = std::log(growth); break;
        case Reward::kExcess: reward = std::log(growth) - benchmark_return(context, assets); break;
        case Reward::kDifferentialSharpe:
            reward = differential_sharpe(account, settings.decay, growth - 1.0);
            break;
        case Reward::kSortino: reward = sortino(account, settings.decay, growth - 1.0); break;
    }
    if (settings.turnover_penalty > 0) {
        reward -= static_cast<double>(settings.turnover_penalty) / 1e6 *
                  (static_cast<double>(context.traded) / start);
    }
    if (settings.drawdown_penalty > 0) {
        const double old_peak = static_cast<double>(account.peak);
        const double new_peak = static_cast<double>(larger(account.peak, account.equity));
        const double deeper = (1.0 - static_cast<double>(account.equity) / new_peak) -
                              (1.0 - start / old_peak);
        if (deeper > 0.0) reward -= static_cast<double>(settings.drawdown_penalty) / 1e6 * deeper;
    }
    return reward;
}

// The close of bar t + 1: mark, ruin, reward.
METTLE_HD StepResult close_bar(Context& context, Account& account, Int equity, int assets) {
    const Int before = account.equity;
    account.equity = equity;
    const bool ruined = equity <= context.settings.ruin_equity;
    if (ruined) {
        ruin(context, account, assets);
        account.equity = account.cash;
    }
    // Nobody learns where fills are traced.
    const bool learns = context.trace == nullptr;
    const double reward = learns ? reward_of(context, account, before, ruined, assets) : 0.0;
    account.peak = larger(account.peak, account.equity);
    return {reward, ruined, context.overflow};
}

// Advance one account from the close of bar t to the close of bar t + 1 < market.bars.
template <int A>
METTLE_HD StepResult step(const Market& market, const Settings& settings, Account& account, Int t,
                          const float* actions, Trace* trace) {
    const int assets = A > 0 ? A : market.assets;
    Context context{market, settings, trace, t + 1, 0, false};
    const bool levels =
        settings.leverage > 1 || settings.stop_loss > 0 || settings.trailing_stop > 0;
    const bool done = settings.plain && trace == nullptr &&
                      trade_plain<A>(context, account, actions, assets, levels);
    if (!done) {
        Plan<A> plan;
        decide<A>(context, account, actions, plan, assets);
        trade<A>(context, account, plan, assets);
    }
    if (!done || levels) {
        for (int i = 0; i < assets; ++i) inside(context, account, i, levels);
    }
    return close_bar(context, account, mark(context, account, assets), assets);
}

}  // namespace mettle::market
