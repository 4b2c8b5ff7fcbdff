// Inside bar t + 1: funding, stops, liquidation, high-water marks.
#pragma once

#include "execute.hpp"

namespace mettle::market {

struct Level {
    Int ticks;
    Reason reason;
};

inline constexpr int kLevels = 3;

// The levels of a long, in the order that decides between equal ones; returns their number. Nested
// floors equal one floor of the whole quotient, so that every product stays small.
METTLE_HD int long_levels(const Settings& settings, const Account& account, int i, Int unit,
                          bool& overflow, Level* levels) {
    const Int base = multiply(account.lots[i], unit, overflow);
    const Int basis = account.basis[i];
    int count = 0;
    if (settings.leverage > 1 && base > 0) {
        const Int whole = settings.leverage * kRateScale;
        const Int factor = whole - kRateScale + settings.leverage * settings.maintenance_margin;
        levels[count++] = {multiply_divide(basis, factor, whole) / base, Reason::kLiquidation};
    }
    if (settings.stop_loss > 0 && base > 0) {
        const Int kept = scale_down<kRateScale>(basis, kRateScale - settings.stop_loss, overflow);
        levels[count++] = {kept / base, Reason::kStop};
    }
    if (settings.trailing_stop > 0) {
        const Int ticks = scale_down<kRateScale>(account.high_water[i],
                                                 kRateScale - settings.trailing_stop, overflow);
        levels[count++] = {ticks, Reason::kTrailingStop};
    }
    int reached = 0;
    for (int k = 0; k < count; ++k) {
        if (levels[k].ticks >= 1) levels[reached++] = levels[k];
    }
    return reached;
}

// The same for a short: ceilings, above the entry.
METTLE_HD int short_levels(const Settings& settings, const Account& account, int i, Int unit,
                           bool& overflow, Level* levels) {
    const Int base = multiply(-account.lots[i], unit, overflow);
    const Int basis = account.basis[i];
    int count = 0;
    if (settings.leverage > 1 && base > 0) {
        const Int whole = settings.leverage * kRateScale;
        const Int factor = whole + kRateScale - settings.leverage * settings.maintenance_margin;
        const Int kept = factor > 0 ? multiply_divide_up(basis, factor, whole) : 0;
        levels[count++] = {ceil_divide(kept, base), Reason::kLiquidation};
    }
    if (settings.stop_loss > 0 && base > 0) {
        const Int kept = scale_up<kRateScale>(basis, kRateScale + settings.stop_loss, overflow);
        levels[count++] = {ceil_divide(kept, base), Reason::kStop};
    }
    if (settings.trailing_stop > 0) {
        const Int ticks = scale_up<kRateScale>(account.high_water[i],
                                               kRateScale + settings.trailing_stop, overflow);
        levels[count++] = {ticks, Reason::kTrailingStop};
    }
    int reached = 0;
    for (int k = 0; k < count; ++k) {
        if (levels[k].ticks <= kMaxTicks) levels[reached++] = levels[k];
    }
    return reached;
}

// Bring the reached levels into the order in which the adverse path meets them; stable.
METTLE_HD int keep_reached(Level* levels, int count, bool is_long, const Extremes& extremes) {
    int reached = 0;
    for (int k = 0; k < count; ++k) {
        const bool met = is_long ? extremes.low <= levels[k].ticks : extremes.high >= levels[k].ticks;
        if (met) levels[reached++] = levels[k];
    }
    for (int k = 1; k < reached; ++k) {
        const Level moved = levels[k];
        int at = k;
        while (at > 0 && (is_long ? levels[at - 1].ticks < moved.ticks
                                  : levels[at - 1].ticks > moved.ticks)) {
            levels[at] = levels[at - 1];
            --at;
        }
        levels[at] = moved;
    }
    return reached;
}

// Price of a stop-limit: 0 if it does not fill.
METTLE_HD Int stop_limit_price(const Settings& settings, Int level, bool is_long, Int open,
                               const Extremes& extremes, bool& overflow) {
    if (is_long) {
        const Int limit = larger(1, scale_down<kRateScale>(
                                        level, kRateScale - settings.stop_limit_offset, overflow));
        if (open > level) return level;
        if (open >= limit) return open;
        return extremes.high > limit ? limit : 0;
    }
    const Int limit =
        scale_up<kRateScale>(level, kRateScale + settings.stop_limit_offset, overflow);
    if (open < level) return level;
    if (open <= limit) return open;
    return extremes.low < limit ? limit : 0;
}

// Try one reached level; true if it closed the position.
METTLE_HD bool act(Context& context, Account& account, int i, const Level& level) {
    const Settings& settings = context.settings;
    const Int row = context.bar * context.market.assets + i;
    const Int open = context.market.price[row].open;
    const bool is_long = account.lots[i] > 0;
    Execute order{is_long ? -1 : 1, absolute(account.lots[i]), 0, 0,
                  context.market.terms[i].taker_fee, 0, false, level.reason};
    if (level.reason != Reason::kLiquidation && settings.stop_kind == StopKind::kLimit) {
        order.ticks = stop_limit_price(settings, level.ticks, is_long, open,
                                       context.market.extremes[row], context.overflow);
        order.reference = order.ticks;
        if (order.ticks == 0) return false;
    } else if (is_long) {
        order.reference = smaller(open, level.ticks);
        order.ticks = sell_price(order.reference, settings.slippage, context.overflow);
    } else {
        order.reference = larger(open, level.ticks);
        order.ticks = buy_price(order.reference, settings.slippage, context.overflow);
    }
    if (level.reason == Reason::kLiquidation) order.extra_rate = settings.liquidation_fee;
    book(context, account, i, order);
    return true;
}

METTLE_HD void run_levels(Context& context, Account& account, int i) {
    const Extremes& extremes = context.market.extremes[context.bar * context.market.assets + i];
    const Int unit = context.market.terms[i].unit;
    const bool is_long = account.lots[i] > 0;
    Level levels[kLevels];
    int count = is_long
                    ? long_levels(context.settings, account, i, unit, context.overflow, levels)
                    : short_levels(context.settings, account, i, unit, context.overflow, levels);
    count = keep_reached(levels, count, is_long, extremes);
    for (int k = 0; k < count; ++k) {
        if (act(context, account, i, levels[k])) return;
    }
}

// Everything of one asset between the open and the close.
METTLE_HD void inside(Context& context, Account& account, int i, bool levels) {
    if (account.lots[i] == 0) return;
    const Market& market = context.market;
    if (!is_missing(market, context.bar, i)) {
        const Int row = context.bar * market.assets + i;
        if (market.funding != nullptr) {
            charge_funding(context, account, i, market.price[row].open, market.funding[row].inside);
        }
        if (levels) run_levels(context, account, i);
        if (account.lots[i] == 0) return;
        if (context.settings.trailing_stop > 0) {
            const Extremes& extremes = market.extremes[row];
            account.high_water[i] = account.lots[i] > 0
                                        ? larger(account.high_water[i], extremes.high)
                                        : smaller(account.high_water[i], extremes.low);
        }
    }
    account.bars_held[i] += 1;
}

}  // namespace mettle::market
