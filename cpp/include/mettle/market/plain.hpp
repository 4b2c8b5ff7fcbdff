// The commonest market without a branch that data decides: a long-only cash account that trades
// target weights as a taker, without gaps, funding and participation. The same results as the
// general step, to which it hands over what it does not cover, before it has changed anything.
#pragma once

#include "inside.hpp"

namespace mettle::market {

// Whether every step of this market may be tried here first.
METTLE_HD bool is_plain(const Market& market, const Settings& settings) {
    return settings.leverage == 1 && !settings.allow_short &&
           settings.scheme == Scheme::kTargetWeight && settings.execution == Execution::kTaker &&
           settings.participation == 0 && market.missing == nullptr && market.funding == nullptr;
}

// Arrays of one step, on the stack.
template <int A>
struct Orders {
    static constexpr int kSize = A > 0 ? A : kMaxAssets;
    double weight[kSize];  // whole ten-thousandths
    Int change[kSize];
    Int lots[kSize];  // of the order, >= 0
    Int ticks[kSize];
    Int value[kSize];
    Int fee[kSize];
};

inline constexpr Int kOne = 1;

// Weights within the limits; false if an action is not a number in [-1, 1]. All values stay under
// 2^53, so that float64 is exact, and a quotient of integers under 2^34 and 2^20 cannot round up
// to the next whole number.
template <int A>
METTLE_HD bool plain_weights(const Settings& settings, const float* actions, Orders<A>& orders,
                             int assets) {
    constexpr double kShift = 6755399441055744.0;  // see round_half_even
    const auto most = static_cast<double>(settings.max_weight);
    const auto limit = static_cast<double>(settings.gross_limit);
    double gross = 0.0;
    bool valid = true;
    for (int i = 0; i < assets; ++i) {
        valid = valid & (actions[i] >= -1.0F) & (actions[i] <= 1.0F);
        double weight = (static_cast<double>(actions[i]) * 1e4 + kShift) - kShift;
        weight = weight < 0.0 ? 0.0 : weight;
        weight = weight > most ? most : weight;
        orders.weight[i] = weight;
        gross += weight;
    }
    const double base = gross > limit ? gross : limit;
    for (int i = 0; i < assets; ++i) orders.weight[i] = orders.weight[i] * limit / base;
    return valid;
}

// Changes in lots; false where an estimate in float64 would not do.
template <int A>
METTLE_HD bool plain_changes(const Context& context, const Account& account, Orders<A>& orders,
                             int assets) {
    const Price* now = context.market.price + (context.bar - 1) * assets;
    const Settings& settings = context.settings;
    const auto equity = static_cast<std::uint64_t>(account.equity);
    const auto float_equity = static_cast<double>(account.equity);
    bool exact = account.equity > 0;
    for (int i = 0; i < assets; ++i) {
        const Terms& terms = context.market.terms[i];
        const Int worth = now[i].close * terms.unit;
        // floor(floor(w E / 10^4) / worth) is floor(w E / (10^4 worth)).
        const auto weight = static_cast<Int>(orders.weight[i]);
        const double divisor = static_cast<double>(worth) * 1e4;
        const double estimate = static_cast<double>(weight) * float_equity / divisor;
        exact = exact & (estimate < kEstimateLimit) & (divisor < 0x1p61);
        const std::uint64_t base = static_cast<std::uint64_t>(worth) * kActionScale;
        auto target = static_cast<Int>(estimate < kEstimateLimit ? estimate : 0.0);
        const auto rest = static_cast<Int>(static_cast<std::uint64_t>(weight) * equity -
                                           static_cast<std::uint64_t>(target) * base);
        target += static_cast<Int>(rest >= static_cast<Int>(base)) - static_cast<Int>(rest < 0);
        const Int change = target - account.lots[i];
        const auto value = static_cast<Int>(static_cast<std::uint64_t>(absolute(change)) *
                                            static_cast<std::uint64_t>(worth));
        bool keep = (value >= terms.min_notional) | (terms.perpetual & (change < 0));
        if (settings.rebalance_band > 0) {
            keep = keep & ((target == 0) | (static_cast<Wide>(value) * kActionScale >=
                                            static_cast<Wide>(settings.rebalance_band) *
                                                account.equity));
        }
        orders.change[i] = keep ? change : 0;
    }
    return exact;
}

// Price every order at the open of the next bar; add up what the sells bring and the buys cost.
template <int A>
METTLE_HD void plain_prices(Context& context, Orders<A>& orders, int assets, Int& proceeds,
                            Int& cost, Int& count) {
    const Price* next = context.market.price + context.bar * assets;
    const Int slippage = context.settings.slippage;
    for (int i = 0; i < assets; ++i) {
        const Terms& terms = context.market.terms[i];
        const bool buys = orders.change[i] > 0;
        const Int rate = buys ? kRateScale + slippage : kRateScale - slippage;
        const Int up = buys ? kRateScale - 1 : 0;
        const auto scaled = static_cast<std::uint64_t>(next[i].open * rate + up);
        orders.ticks[i] = larger(1, static_cast<Int>(scaled / kRateScale));
        orders.lots[i] = absolute(orders.change[i]);
        orders.value[i] =
            notional(orders.lots[i], orders.ticks[i], terms.unit, context.overflow);
        orders.fee[i] = fee_of(orders.value[i], terms.taker_fee);
        const Int brings = orders.value[i] - orders.fee[i];
        const Int costs = add(orders.value[i], orders.fee[i], context.overflow);
        proceeds = add(proceeds, buys ? 0 : brings, context.overflow);
        cost = add(cost, buys ? costs : 0, context.overflow);
        count += static_cast<Int>(buys);
    }
}

// Scale the buys to the cash; returns what they now cost.
template <int A>
METTLE_HD Int plain_scale(Context& context, Orders<A>& orders, int assets, Int cash, Int cost,
                          Int count) {
    const Int available = larger(0, cash - count);
    Int paid = 0;
    for (int i = 0; i < assets; ++i) {
        const Terms& terms = context.market.terms[i];
        const bool buys = orders.change[i] > 0;
        const Int scaled = multiply_divide(orders.lots[i], available, cost);
        const Int value = notional(scaled, orders.ticks[i], terms.unit, context.overflow);
        const Int lots = value < terms.min_notional ? 0 : scaled;
        orders.lots[i] = buys ? lots : orders.lots[i];
        orders.change[i] = buys ? lots : orders.change[i];
        orders.value[i] = buys ? (lots == 0 ? 0 : value) : orders.value[i];
        const Int fee = fee_of(orders.value[i], terms.taker_fee);
        paid += buys ? orders.value[i] + fee : 0;
    }
    return paid;
}

// Move the positions. Without stops the marks and ages of the close are set here, too.
template <int A>
METTLE_HD void plain_book(Context& context, Account& account, const Orders<A>& orders, int assets,
                          bool levels) {
    for (int i = 0; i < assets; ++i) {
        const Int held = account.lots[i];
        const Int reduced = orders.change[i] < 0 ? orders.lots[i] : 0;
        const Int released = multiply_divide(account.basis[i], reduced, larger(held, kOne));
        const Int bought = orders.change[i] > 0 ? orders.value[i] : 0;
        account.basis[i] = add(account.basis[i] - released, bought, context.overflow);
        const Int now = held + orders.change[i];
        account.lots[i] = now;
        if (levels) {
            const Int fresh = held == 0 ? orders.ticks[i] : account.high_water[i];
            account.high_water[i] = now == 0 ? 0 : fresh;
            account.bars_held[i] = now == 0 ? 0 : account.bars_held[i];
        } else {
            account.bars_held[i] = now == 0 ? 0 : account.bars_held[i] + 1;
        }
        context.traded = add(context.traded, orders.value[i], context.overflow);
    }
}

// Decide, and trade at the open; false if the general step must do it.
template <int A>
METTLE_HD bool trade_plain(Context& context, Account& account, const float* actions, int assets,
                           bool levels) {
    Orders<A> orders{};
    if (!plain_weights<A>(context.settings, actions, orders, assets)) return false;
    if (!plain_changes<A>(context, account, orders, assets)) return false;
    Int proceeds = 0;
    Int cost = 0;
    Int count = 0;
    plain_prices<A>(context, orders, assets, proceeds, cost, count);
    const Int cash = add(account.cash, proceeds, context.overflow);
    if (cost > cash) cost = plain_scale<A>(context, orders, assets, cash, cost, count);
    account.cash = cash - cost;
    plain_book<A>(context, account, orders, assets, levels);
    return true;
}

}  // namespace mettle::market
