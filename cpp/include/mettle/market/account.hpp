// The account and the one way in which a fill changes it.
#pragma once

#include "settings.hpp"

namespace mettle::market {

// One environment's account; the arrays have one entry an asset and belong to the caller.
struct Account {
    Int cash;
    Int equity;  // at the last mark
    Int peak;    // highest equity at a mark
    double moment_a;
    double moment_b;
    Int* lots;
    Int* basis;
    Int* high_water;
    std::int32_t* bars_held;
};

// One line of FILL_DTYPE (application/ports/backtest_engine.py).
struct Fill {
    Int bar;
    std::int32_t asset;
    std::int32_t side;
    Int lots;
    Int ticks;
    Int reference;
    Int fee;
    Int realised;
    std::int32_t maker;
    Reason reason;
};

// What a backtest keeps of a step: room for kMaxFillsPerAsset fills an asset, and funding by asset.
struct Trace {
    Fill* fills;
    int count;
    Int* funding;
};

// How one order was executed.
struct Execute {
    Int side;  // +1 buy, -1 sell
    Int lots;
    Int ticks;
    Int reference;
    Int fee_rate;
    Int extra_rate;  // liquidation's, booked with the fee
    bool maker;
    Reason reason;
};

// What one step needs of the world around it, and what it gathers.
struct Context {
    const Market& market;
    const Settings& settings;
    Trace* trace;
    Int bar;  // t + 1
    Int traded;
    bool overflow;
};

METTLE_HD Int notional(Int lots, Int ticks, Int unit, bool& overflow) {
    return multiply(multiply(lots, ticks, overflow), unit, overflow);
}

METTLE_HD Int buy_price(Int base, Int slippage, bool& overflow) {
    return scale_up<kRateScale>(base, kRateScale + slippage, overflow);
}

METTLE_HD Int sell_price(Int base, Int slippage, bool& overflow) {
    return larger(1, scale_down<kRateScale>(base, kRateScale - slippage, overflow));
}

METTLE_HD Int pay_fee(const Execute& order, Int value) {
    const Int fee = fee_of(value, order.fee_rate);
    return order.extra_rate == 0 ? fee : fee + fee_of(value, order.extra_rate);
}

// Book a fill of order.lots > 0 of asset i ("State" in the document).
METTLE_HD void book(Context& context, Account& account, int i, const Execute& order) {
    bool& overflow = context.overflow;
    const Int unit = context.market.terms[i].unit;
    const Int value = notional(order.lots, order.ticks, unit, overflow);
    const Int fee = pay_fee(order, value);
    account.cash = add(account.cash, order.side > 0 ? -value : value, overflow);
    account.cash = add(account.cash, -fee, overflow);
    context.traded = add(context.traded, value, overflow);

    const Int held = account.lots[i];
    Int realised = 0;
    Int opened = order.lots;
    if (held != 0 && sign_of(held) != order.side) {
        const Int size = absolute(held);
        const Int reduced = smaller(order.lots, size);
        const Int released =
            reduced == size ? account.basis[i] : multiply_divide(account.basis[i], reduced, size);
        account.basis[i] -= released;
        const Int gone = notional(reduced, order.ticks, unit, overflow);
        realised = held > 0 ? gone - released : released - gone;
        opened = order.lots - reduced;
    }
    const Int now = add(held, order.side * order.lots, overflow);
    account.lots[i] = now;
    if (opened > 0) {
        account.basis[i] =
            add(account.basis[i], notional(opened, order.ticks, unit, overflow), overflow);
        if (held == 0 || sign_of(held) != sign_of(now)) {
            account.high_water[i] = order.ticks;
            account.bars_held[i] = 0;
        }
    } else if (now == 0) {
        account.high_water[i] = 0;
        account.bars_held[i] = 0;
    }
    if (context.trace != nullptr) {
        context.trace->fills[context.trace->count++] =
            Fill{context.bar,  i,        static_cast<std::int32_t>(order.side),
                 order.lots,   order.ticks, order.reference,
                 fee,          realised, static_cast<std::int32_t>(order.maker),
                 order.reason};
    }
}

// Charge (positive rate: a long pays) the position of asset i at price `ticks`.
METTLE_HD void charge_funding(Context& context, Account& account, int i, Int ticks, Int rate) {
    if (rate == 0 || account.lots[i] == 0) return;
    const Int value =
        notional(account.lots[i], ticks, context.market.terms[i].unit, context.overflow);
    const Int due = scale_half_even<kFundingScale>(value, rate, context.overflow);
    account.cash = add(account.cash, -due, context.overflow);
    if (context.trace != nullptr) context.trace->funding[i] -= due;
}

}  // namespace mettle::market
