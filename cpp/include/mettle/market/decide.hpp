// The decision at the close of bar t: from actions to wanted changes in lots.
#pragma once

#include "account.hpp"

namespace mettle::market {

// Arrays of one decision, on the stack; nothing in it needs bar t + 1. A is the number of assets, 0 if known at run time only.
template <int A>
struct Plan {
    static constexpr int kSize = A > 0 ? A : kMaxAssets;
    Int weight[kSize];
    Int worth[kSize];  // value of one lot at the close of t
    bool hold[kSize];
    Int change[kSize];
    Reason reason;
};

METTLE_HD bool is_missing(const Market& market, Int bar, int i) {
    return market.missing != nullptr && market.missing[bar * market.assets + i] != 0;
}

// The action in 1e-4; false where it is not a number in [-1, 1].
METTLE_HD bool quantise(float action, Int& value) {
    if (!(action >= -1.0F && action <= 1.0F)) return false;
    value = round_half_even(static_cast<double>(action) * 1e4);
    return true;
}

METTLE_HD Int incremented(const Settings& settings, Int action, Int lots, Int worth, Int equity,
                          bool& overflow) {
    const Int value = multiply(absolute(lots), worth, overflow);
    const Int size = smaller(multiply_divide(value, kActionScale, equity), kLargest / 2);
    const Int current = lots < 0 ? -size : size;
    const Int change = action * settings.increment / kActionScale;
    const bool opposed = lots != 0 && sign_of(action) != sign_of(lots);
    if (opposed && absolute(change) >= absolute(current)) return 0;
    return current + change;
}

// The wanted weight of one asset; false for HOLD.
METTLE_HD bool wanted(const Settings& settings, float raw, Int lots, Int worth, Int equity,
                      Int& weight, bool& overflow) {
    Int action = 0;
    if (!quantise(raw, action)) return false;
    if (settings.scheme == Scheme::kTargetWeight) {
        weight = action;
    } else if (settings.scheme == Scheme::kThreshold) {
        if (absolute(action) <= settings.threshold) return false;
        // Against the position: out of it first, so that with shorts too a full exit exists.
        const bool against = (lots > 0 && action < 0) || (lots < 0 && action > 0);
        const auto bottom = settings.allow_short ? -settings.max_weight : 0;
        weight = against ? 0 : action > 0 ? settings.max_weight : bottom;
    } else {
        if (action == 0) return false;
        weight = equity > 0 ? incremented(settings, action, lots, worth, equity, overflow) : 0;
    }
    weight = smaller(larger(weight, -settings.max_weight), settings.max_weight);
    if (!settings.allow_short) weight = larger(weight, 0);
    if (equity <= 0) weight = 0;
    return true;
}

// Scale the weights down to the gross limit; held assets count in full and keep theirs.
template <int A>
METTLE_HD void limit_gross(Context& context, const Account& account, Plan<A>& plan, int assets) {
    Int free = 0;
    Int kept = 0;
    for (int i = 0; i < assets; ++i) {
        if (!plan.hold[i]) {
            free += absolute(plan.weight[i]);
        } else if (account.lots[i] != 0) {
            const Int value =
                multiply(absolute(account.lots[i]), plan.worth[i], context.overflow);
            const Int part = multiply_divide_up(value, kActionScale, account.equity);
            kept += smaller(part, kLargest / kMaxAssets / 2);  // far beyond any limit
        }
    }
    const Int limit = context.settings.gross_limit;
    if (free + kept <= limit || free == 0) return;
    const Int room = larger(0, limit - kept);
    for (int i = 0; i < assets; ++i) {
        if (plan.hold[i]) continue;
        const Int size = absolute(plan.weight[i]) * room / free;
        plan.weight[i] = plan.weight[i] < 0 ? -size : size;
    }
}

// Whether the wanted change of asset i is too small to trade.
METTLE_HD bool too_small(const Context& context, const Account& account, int i, Int change,
                         Int target, Int worth, bool& overflow) {
    const Terms& terms = context.market.terms[i];
    const Int value = multiply(absolute(change), worth, overflow);
    const Int held = account.lots[i];
    const bool reduces = sign_of(change) == -sign_of(held) && absolute(change) <= absolute(held);
    if (value < terms.min_notional && !(terms.perpetual && reduces)) return true;
    return target != 0 && static_cast<Wide>(value) * kActionScale <
                              static_cast<Wide>(context.settings.rebalance_band) * account.equity;
}

// At or above the hard limit: replace every change by cuts, the largest position first.
template <int A>
METTLE_HD void cut_to_soft(Context& context, const Account& account, Plan<A>& plan, int assets,
                           Wide gross) {
    const Settings& settings = context.settings;
    const Wide allowed = account.equity > 0 ? static_cast<Wide>(settings.soft_margin) *
                                                  settings.leverage * account.equity / kActionScale
                                            : 0;
    bool visited[Plan<A>::kSize];
    for (int i = 0; i < assets; ++i) {
        plan.change[i] = 0;
        visited[i] = account.lots[i] == 0 || is_missing(context.market, context.bar - 1, i);
    }
    plan.reason = Reason::kMargin;
    while (gross > allowed) {
        int largest = -1;
        Int most = -1;
        for (int i = 0; i < assets; ++i) {
            if (visited[i]) continue;
            const Int value = multiply(absolute(account.lots[i]), plan.worth[i], context.overflow);
            if (value > most) {
                most = value;
                largest = i;
            }
        }
        if (largest < 0) return;
        visited[largest] = true;
        const Int worth = plan.worth[largest];
        const Int held = account.lots[largest];
        const Int needed = saturated((gross - allowed + worth - 1) / worth);
        const Int cut = smaller(absolute(held), needed);
        plan.change[largest] = held > 0 ? -cut : cut;
        gross -= static_cast<Wide>(cut) * worth;
    }
}

template <int A>
METTLE_HD void guard_margin(Context& context, const Account& account, Plan<A>& plan, int assets) {
    const Settings& settings = context.settings;
    Wide gross = 0;
    for (int i = 0; i < assets; ++i) {
        gross += multiply(absolute(account.lots[i]), plan.worth[i], context.overflow);
    }
    // floor(x / d) >= h is x >= h * d: no division is needed to compare the usage.
    const Wide used = gross * kActionScale;
    const Wide base = static_cast<Wide>(settings.leverage) * account.equity;
    if (account.equity <= 0 || used >= base * settings.hard_margin) {
        cut_to_soft<A>(context, account, plan, assets, gross);
    } else if (used >= base * settings.soft_margin) {
        for (int i = 0; i < assets; ++i) {
            const Int held = account.lots[i];
            const Int target = held + plan.change[i];
            if (held != 0 && sign_of(target) == -sign_of(held)) {
                plan.change[i] = -held;
            } else if (absolute(target) > absolute(held)) {
                plan.change[i] = 0;
            }
        }
    }
}

// Fill plan.change from the actions, for the decision at bar context.bar - 1.
template <int A>
METTLE_HD void decide(Context& context, const Account& account, const float* actions,
                      Plan<A>& plan, int assets) {
    const Market& market = context.market;
    const Int now = context.bar - 1;
    const Price* price = market.price + now * assets;
    plan.reason = Reason::kRebalance;
    for (int i = 0; i < assets; ++i) {
        plan.worth[i] = price[i].close * market.terms[i].unit;
        plan.weight[i] = 0;
        plan.hold[i] = is_missing(market, now, i) ||
                       !wanted(context.settings, actions[i], account.lots[i], plan.worth[i],
                               account.equity, plan.weight[i], context.overflow);
    }
    if (account.equity > 0) limit_gross<A>(context, account, plan, assets);
    for (int i = 0; i < assets; ++i) {
        plan.change[i] = 0;
        if (plan.hold[i]) continue;
        const Int size = absolute(plan.weight[i]);
        Int lots = 0;
        if (size != 0) {
            const Int budget = scale_down<kActionScale>(account.equity, size, context.overflow);
            lots = divide(budget, plan.worth[i]);
        }
        const Int target = plan.weight[i] < 0 ? -lots : lots;
        const Int change = target - account.lots[i];
        if (change != 0 && !too_small(context, account, i, change, target, plan.worth[i],
                                      context.overflow)) {
            plan.change[i] = change;
        }
    }
    if (context.settings.leverage > 1) guard_margin<A>(context, account, plan, assets);
}

}  // namespace mettle::market
