"""What must hold of every step, in rational numbers and other words than the reference uses."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction

from mettle.domain.simulation import (
    AssetBar,
    Execution,
    FillReason,
    RewardKind,
    SimulatedFill,
    StopKind,
)
from tests.support.markets import Played

_PLANNED = (FillReason.REBALANCE, FillReason.MARGIN)
_HALF = Fraction(1, 2)


def check_step(step: Played) -> None:
    """Assert every rule; the message names the one that broke."""
    for rule in RULES:
        rule(step)


def _worth(step: Played, asset: int, lots: int, ticks: int) -> int:
    return lots * ticks * step.before.terms[asset].unit_value


def _planned(step: Played) -> list[SimulatedFill]:
    return [fill for fill in step.result.fills if fill.reason in _PLANNED]


def _lots_after_plan(step: Played) -> list[int]:
    lots = list(step.before.lots)
    for fill in _planned(step):
        lots[fill.asset] += fill.side * fill.lots
    return lots


def equity_is_explained(step: Played) -> None:
    """Equity is what came in and what was earned, to the last unit."""
    marks = [bar.close for bar in step.following]
    step.after.check_identity(marks)
    assert step.result.equity == step.after.equity(marks)


def cash_follows_fills(step: Played) -> None:
    """Buys and fees take cash, sells bring it, and funding is all that else moves it."""
    cash = step.before.cash + sum(step.result.funding)
    for fill in step.result.fills:
        cash -= fill.side * _worth(step, fill.asset, fill.lots, fill.ticks) + fill.fee
    assert step.after.cash == cash


def lots_follow_fills(step: Played) -> None:
    """Positions are the sum of their fills."""
    lots = list(step.before.lots)
    for fill in step.result.fills:
        lots[fill.asset] += fill.side * fill.lots
    assert list(step.after.lots) == lots


def funding_is_paid_by_longs(step: Played) -> None:
    """A positive rate costs a long: before the fills at the open, after them inside the bar."""
    late = _lots_after_plan(step)
    for asset, (bar, got) in enumerate(zip(step.following, step.result.funding, strict=True)):
        early = _worth(step, asset, step.before.lots[asset], bar.open) * bar.funding_open
        inside = _worth(step, asset, late[asset], bar.open) * bar.funding_inside
        owed = Fraction(early + inside, 10**8) if not bar.missing else Fraction(0)
        assert abs(got + owed) <= 1, f"funding {got}, owed {owed}"


def fees_are_paid(step: Played) -> None:
    """Every fill pays its rate on its notional, a liquidation its penalty on top."""
    for fill in step.result.fills:
        terms = step.before.terms[fill.asset]
        rate = terms.maker_ppm if fill.maker else terms.taker_ppm
        pieces = 1
        if fill.reason is FillReason.LIQUIDATION:
            rate, pieces = rate + step.settings.liquidation_fee, 2
        due = Fraction(_worth(step, fill.asset, fill.lots, fill.ticks) * rate, 10**6)
        assert abs(fill.fee - due) <= pieces * _HALF, f"fee {fill.fee}, due {due}"


def a_cash_account_never_owes(step: Played) -> None:
    """Trades leave the cash of a cash account at or above zero; with less, nothing is bought."""
    if step.settings.on_margin:
        return
    cash = step.before.cash
    for asset, bar in enumerate(step.following):
        if not bar.missing:
            worth = _worth(step, asset, step.before.lots[asset], bar.open)
            cash -= round(Fraction(worth * bar.funding_open, 10**8))
    for fill in _planned(step):
        cash -= fill.side * _worth(step, fill.asset, fill.lots, fill.ticks) + fill.fee
        assert cash >= 0 or fill.side < 0, f"cash {cash} after {fill}"


def sells_come_first(step: Played) -> None:
    """At the open no sell waits for a buy, and each side goes by index."""
    order = [(fill.side, fill.asset) for fill in _planned(step)]
    assert order == sorted(order)


def slippage_costs(step: Played) -> None:
    """A taker pays the slippage in full, rounded against him; a maker pays none."""
    for fill in step.result.fills:
        slipped = Fraction(fill.side * fill.reference * step.settings.slippage, 10**6)
        exact = fill.reference + slipped
        if fill.maker or _by_limit(step, fill):
            assert fill.ticks == fill.reference
        elif fill.side > 0:
            assert exact <= fill.ticks < exact + 1
        else:
            assert max(Fraction(1), exact - 1) <= fill.ticks <= max(Fraction(1), exact)


def _by_limit(step: Played, fill: SimulatedFill) -> bool:
    stopped = fill.reason in (FillReason.STOP, FillReason.TRAILING_STOP)
    return stopped and step.settings.stop_kind is StopKind.LIMIT


def fills_lie_in_the_bar(step: Played) -> None:
    """Before slippage, nothing trades at a price that the bar never saw."""
    for fill in step.result.fills:
        bar = step.following[fill.asset]
        assert bar.low <= fill.reference <= bar.high, f"{fill} outside {bar}"


def makers_are_traded_through(step: Played) -> None:
    """A resting order fills only where the market went beyond its limit."""
    for fill in step.result.fills:
        if not fill.maker:
            continue
        bar = step.following[fill.asset]
        assert step.settings.execution is Execution.MAKER
        assert bar.wait_low < fill.ticks if fill.side > 0 else bar.wait_high > fill.ticks


def nothing_trades_in_a_gap(step: Played) -> None:
    """A missing bar has no trade and no funding; only a ruin closes there."""
    for fill in step.result.fills:
        assert not step.following[fill.asset].missing or fill.reason is FillReason.RUIN
    for bar, received in zip(step.following, step.result.funding, strict=True):
        assert not bar.missing or received == 0


def volume_limits_rebalancing(step: Played) -> None:
    """One order takes no more than its share of the bar's volume."""
    if step.settings.participation:
        for fill in _planned(step):
            most = Fraction(step.following[fill.asset].volume * step.settings.participation, 10**6)
            assert fill.lots <= most


def holds_are_held(step: Played) -> None:
    """An action that is no number in [−1, 1] changes nothing."""
    if step.plan.reason is FillReason.MARGIN:
        return
    for action, bar, change in zip(step.actions, step.now, step.plan.changes, strict=True):
        if bar.missing or not -1.0 <= action <= 1.0:
            assert change == 0


def weights_keep_their_limits(step: Played) -> None:
    """No wanted weight exceeds the largest, none is short where that is not allowed."""
    for weight in step.plan.weights:
        if weight is not None:
            assert abs(weight) <= step.settings.max_weight
            assert weight >= 0 or step.settings.allow_short


def targets_keep_the_gross_limit(step: Played) -> None:
    """What the plan means to hold fits the gross limit, unless what is held already does not."""
    wanted, held = 0, 0
    for asset, (weight, bar) in enumerate(zip(step.plan.weights, step.now, strict=True)):
        if weight is None:
            held += abs(_worth(step, asset, step.before.lots[asset], bar.close))
        else:
            wanted += abs(weight)
    share = Fraction(held * 10**4, step.plan.equity)
    assert wanted == 0 or wanted + share <= max(share, Fraction(step.settings.gross_limit))


def changes_aim_at_their_weight(step: Played) -> None:
    """A change that is made ends within one lot under the weight, never beyond it."""
    if step.settings.on_margin:
        return
    for asset, (weight, change) in enumerate(
        zip(step.plan.weights, step.plan.changes, strict=True)
    ):
        if change and weight is not None:
            lot = _worth(step, asset, 1, step.now[asset].close)
            aim = Fraction(weight * step.plan.equity, 10**4 * lot)
            reached = step.before.lots[asset] + change
            assert abs(aim) - 2 < abs(reached) <= abs(aim)


def small_orders_are_dropped(step: Played) -> None:
    """No order is under the venue's minimum, a perpetual's reduction excepted."""
    if step.plan.reason is FillReason.MARGIN or _usage_is_soft(step):
        return
    for asset, change in enumerate(step.plan.changes):
        terms, lots = step.before.terms[asset], step.before.lots[asset]
        shrinks = terms.is_perpetual and abs(lots + change) < abs(lots) and lots * change < 0
        if change and not (shrinks and abs(change) <= abs(lots)):
            assert abs(_worth(step, asset, change, step.now[asset].close)) >= terms.min_notional


def _gross(step: Played, lots: list[int]) -> int:
    return sum(
        abs(_worth(step, asset, lots[asset], bar.close)) for asset, bar in enumerate(step.now)
    )


def _usage_is_soft(step: Played) -> bool:
    room = step.settings.leverage * step.plan.equity
    gross = _gross(step, list(step.before.lots))
    return step.settings.on_margin and gross * 10**4 >= step.settings.soft_margin * room


def margin_limits_bind(step: Played) -> None:
    """At the hard limit the plan goes under the soft one; at the soft one nothing grows."""
    if not _usage_is_soft(step):
        return
    lots = list(step.before.lots)
    aimed = [held + change for held, change in zip(lots, step.plan.changes, strict=True)]
    for held, wanted in zip(lots, aimed, strict=True):
        assert abs(wanted) <= abs(held)
        assert wanted * held >= 0
    room = step.settings.leverage * step.plan.equity
    hard = _gross(step, lots) * 10**4 >= step.settings.hard_margin * room
    if hard and not any(bar.missing for bar in step.now):
        assert _gross(step, aimed) * 10**4 <= step.settings.soft_margin * max(0, room)


def average_cost_is_kept(step: Played) -> None:
    """A reduction leaves the average cost as it was, to one unit; flat means no cost."""
    reduced: dict[int, int] = defaultdict(int)
    for fill in step.result.fills:
        reduced[fill.asset] += 1
    for asset, (old, new) in enumerate(zip(step.before.assets, step.after.assets, strict=True)):
        if new.lots == 0:
            assert (new.basis, new.high_water, new.bars_held) == (0, 0, 0)
        elif reduced[asset] == 1 and 0 < abs(new.lots) < abs(old.lots) and new.lots * old.lots > 0:
            kept = Fraction(old.basis * abs(new.lots), abs(old.lots))
            assert 0 <= new.basis - kept < 1


def marks_follow_the_market(step: Played) -> None:
    """What lives through a bar has seen its best price and is one bar older."""
    touched = {fill.asset for fill in step.result.fills}
    for asset, (old, new) in enumerate(zip(step.before.assets, step.after.assets, strict=True)):
        bar = step.following[asset]
        if asset in touched or not old.lots:
            continue
        assert new.bars_held == old.bars_held + 1
        best = max(old.high_water, bar.high) if old.lots > 0 else min(old.high_water, bar.low)
        assert new.high_water == (old.high_water if bar.missing else best)


def _stop_prices(step: Played, asset: int) -> dict[FillReason, Fraction]:
    """Return the exact levels of a position as it enters the bar's inside."""
    settings = step.settings
    held, old = _lots_after_plan(step)[asset], step.before.assets[asset]
    basis, high_water = old.basis, old.high_water
    fills = [fill for fill in _planned(step) if fill.asset == asset]
    if fills and (old.lots == 0 or old.lots * held < 0):
        basis = abs(_worth(step, asset, held, fills[0].ticks))
        high_water = fills[0].ticks
    elif fills and fills[0].side * old.lots > 0:
        basis += _worth(step, asset, fills[0].lots, fills[0].ticks)
    elif fills:
        basis -= old.basis * fills[0].lots // abs(old.lots)
    entry = Fraction(basis, _worth(step, asset, abs(held), 1))
    down = 1 if held > 0 else -1
    found = {}
    if settings.stop_loss:
        found[FillReason.STOP] = entry * (1 - down * Fraction(settings.stop_loss, 10**6))
    if settings.trailing_stop:
        share = 1 - down * Fraction(settings.trailing_stop, 10**6)
        found[FillReason.TRAILING_STOP] = high_water * share
    if settings.on_margin:
        cushion = Fraction(1, settings.leverage) - Fraction(settings.maintenance_margin, 10**6)
        found[FillReason.LIQUIDATION] = entry * (1 - down * cushion)
    return found


def _met(level: Fraction, lots: int, bar: AssetBar) -> int | None:
    """Return the whole-tick level if the bar reached it."""
    whole = math.floor(level) if lots > 0 else math.ceil(level)
    if not 1 <= whole <= 10**12:
        return None
    return whole if (bar.low <= whole if lots > 0 else bar.high >= whole) else None


def stops_act_when_reached(step: Played) -> None:
    """The nearest level that the adverse path meets closes all, and nothing else does."""
    exits = {
        fill.asset: fill
        for fill in step.result.fills
        if fill.reason not in (*_PLANNED, FillReason.RUIN)
    }
    for asset, lots in enumerate(_lots_after_plan(step)):
        bar, fill = step.following[asset], exits.get(asset)
        if lots == 0 or bar.missing:
            assert fill is None
            continue
        met = {
            reason: whole
            for reason, level in _stop_prices(step, asset).items()
            if (whole := _met(level, lots, bar)) is not None
        }
        if fill is None:
            assert not met or step.settings.stop_kind is StopKind.LIMIT
            assert FillReason.LIQUIDATION not in met
            continue
        assert fill.reason in met, f"{fill} without its level, {met}"
        assert (fill.lots, fill.side) == (abs(lots), -1 if lots > 0 else 1)
        if step.settings.stop_kind is StopKind.MARKET:
            nearest = max(met.values()) if lots > 0 else min(met.values())
            assert met[fill.reason] == nearest
            assert fill.reference == (
                min(nearest, bar.open) if lots > 0 else max(nearest, bar.open)
            )


def rewards_are_growth(step: Played) -> None:
    """The plain reward is the logarithm of the growth of equity, floored at a ruin."""
    settings = step.settings
    if settings.reward is not RewardKind.LOG_RETURN:
        return
    ratio = step.result.equity / step.plan.equity
    expected = math.log(max(ratio, 1e-9) if step.result.ruined else ratio)
    traded = sum(_worth(step, fill.asset, fill.lots, fill.ticks) for fill in step.result.fills)
    expected -= settings.turnover_penalty / 1e6 * traded / step.plan.equity
    fall = step.plan.equity / step.peak - step.result.equity / max(step.peak, step.result.equity)
    expected -= settings.drawdown_penalty / 1e6 * max(0.0, fall)
    assert math.isclose(step.result.reward, expected, rel_tol=1e-9, abs_tol=1e-12)


def ruin_ends_everything(step: Played) -> None:
    """At the ruin level all positions are closed and cash is all that is left; never before."""
    closes = [bar.close for bar in step.following]
    least = Fraction(step.settings.ruin_level * step.before.initial, 10**4)
    if step.result.ruined:
        assert not any(step.after.lots)
        assert step.result.equity == step.after.cash
    else:
        assert step.after.equity(closes) > math.floor(least)
        assert all(fill.reason is not FillReason.RUIN for fill in step.result.fills)


RULES = (
    equity_is_explained,
    cash_follows_fills,
    lots_follow_fills,
    funding_is_paid_by_longs,
    fees_are_paid,
    a_cash_account_never_owes,
    sells_come_first,
    slippage_costs,
    fills_lie_in_the_bar,
    makers_are_traded_through,
    nothing_trades_in_a_gap,
    volume_limits_rebalancing,
    holds_are_held,
    weights_keep_their_limits,
    targets_keep_the_gross_limit,
    changes_aim_at_their_weight,
    small_orders_are_dropped,
    margin_limits_bind,
    average_cost_is_kept,
    marks_follow_the_market,
    stops_act_when_reached,
    rewards_are_growth,
    ruin_ends_everything,
)
