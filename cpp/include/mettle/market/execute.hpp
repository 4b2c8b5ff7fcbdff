// The open of bar t + 1: funding, sells, then buys with the cash that is there.
#pragma once

#include "decide.hpp"

namespace mettle::market {

// Price and fee of an order for asset i; its lots are set by the caller.
METTLE_HD Execute price_order(Context& context, int i, Int side, Reason reason) {
    const Market& market = context.market;
    const Settings& settings = context.settings;
    const Terms& terms = market.terms[i];
    const Int row = context.bar * market.assets + i;
    const Int open = market.price[row].open;
    Execute order{side, 0, 0, open, terms.taker_fee, 0, false, reason};
    if (settings.execution == Execution::kMaker) {
        const Wait& wait = market.wait[row];
        const Int close = market.price[row - market.assets].close;
        bool& overflow = context.overflow;
        if (side > 0) {
            const Int below =
                scale_down<kRateScale>(close, kRateScale - settings.maker_offset, overflow);
            const Int limit = larger(1, smaller(below, open));
            order.maker = wait.low < limit;
            order.reference = order.maker ? limit : wait.buy;
        } else {
            const Int above =
                scale_up<kRateScale>(close, kRateScale + settings.maker_offset, overflow);
            const Int limit = larger(1, larger(above, open));
            order.maker = wait.high > limit;
            order.reference = order.maker ? limit : wait.sell;
        }
        if (order.maker) {
            order.ticks = order.reference;
            order.fee_rate = terms.maker_fee;
            return order;
        }
    }
    order.ticks = side > 0 ? buy_price(order.reference, settings.slippage, context.overflow)
                           : sell_price(order.reference, settings.slippage, context.overflow);
    return order;
}

METTLE_HD Int fillable(Context& context, int i, Int change) {
    const Int wanted_lots = absolute(change);
    if (context.settings.participation == 0) return wanted_lots;
    const Int volume = context.market.volume[context.bar * context.market.assets + i];
    return smaller(wanted_lots, scale_down<kRateScale>(volume, context.settings.participation,
                                                       context.overflow));
}

// Fill the buys in index order, scaled to the cash of a cash account.
template <int A>
METTLE_HD void buy_all(Context& context, Account& account, Execute* orders, int assets) {
    bool& overflow = context.overflow;
    Int cost = 0;
    Int count = 0;
    for (int i = 0; i < assets; ++i) {
        if (orders[i].side <= 0) continue;
        const Int value =
            notional(orders[i].lots, orders[i].ticks, context.market.terms[i].unit, overflow);
        cost = add(cost, add(value, pay_fee(orders[i], value), overflow), overflow);
        ++count;
    }
    const bool scaled = context.settings.leverage == 1 && cost > account.cash;
    const Int available = larger(0, account.cash - count);
    for (int i = 0; i < assets; ++i) {
        if (orders[i].side <= 0) continue;
        if (scaled) {
            const Terms& terms = context.market.terms[i];
            orders[i].lots = multiply_divide(orders[i].lots, available, cost);
            const Int value = notional(orders[i].lots, orders[i].ticks, terms.unit, overflow);
            if (orders[i].lots == 0 || value < terms.min_notional) continue;
        }
        book(context, account, i, orders[i]);
    }
}

template <int A>
METTLE_HD void trade(Context& context, Account& account, const Plan<A>& plan, int assets) {
    const Market& market = context.market;
    if (market.funding != nullptr) {
        for (int i = 0; i < assets; ++i) {
            if (is_missing(market, context.bar, i)) continue;
            const Int row = context.bar * assets + i;
            charge_funding(context, account, i, market.price[row].open, market.funding[row].at_open);
        }
    }
    Execute orders[Plan<A>::kSize];
    bool buys = false;
    for (int i = 0; i < assets; ++i) {
        const Int side = sign_of(plan.change[i]);
        orders[i].side = 0;
        if (side == 0 || is_missing(market, context.bar, i)) continue;
        const Int lots = fillable(context, i, plan.change[i]);
        if (lots == 0) continue;
        orders[i] = price_order(context, i, side, plan.reason);
        orders[i].lots = lots;
        if (side > 0) {
            buys = true;
        } else {
            book(context, account, i, orders[i]);
        }
    }
    if (buys) buy_all<A>(context, account, orders, assets);
}

}  // namespace mettle::market
