"""The oracle of the step is worth something: it finds every bug that is planted."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from mettle.domain.errors import MettleError
from mettle.domain.money import round_half_even
from mettle.domain.simulation import (
    Account,
    AssetBar,
    AssetState,
    AssetTerms,
    FillReason,
    Order,
    SimulatedFill,
    SimulationSettings,
    move_position,
)
from mettle.domain.simulation.fills import Quote, quote
from mettle.domain.simulation.margin import hard_cuts
from mettle.domain.simulation.numbers import notional, quantise
from mettle.domain.simulation.step import execute, make_orders
from mettle.domain.simulation.stops import (
    Exit,
    Level,
    find_exit,
    liquidation_level,
    stop_level,
    trailing_level,
)
from tests.support import market_oracle as oracle
from tests.support.markets import Played, play_market

SEEDS = range(150)

Rule = Callable[[Played], None]

account = importlib.import_module("mettle.domain.simulation.account")
fills = importlib.import_module("mettle.domain.simulation.fills")
sizing = importlib.import_module("mettle.domain.simulation.sizing")
step = importlib.import_module("mettle.domain.simulation.step")
stops = importlib.import_module("mettle.domain.simulation.stops")


def _refund_fees(self: Account, asset: int, side: int, lots: int, ticks: int, fee: int) -> int:
    unit_value = self.terms[asset].unit_value
    realised = move_position(self.assets[asset], side, lots, ticks, unit_value)
    self.cash += -side * notional(lots, ticks, unit_value) + fee
    self.realised += realised
    self.fees -= fee
    return realised


def _pay_longs(self: Account, asset: int, ticks: int, rate: int) -> int:
    owed = -round_half_even(self.value(asset, ticks) * rate, 10**8)
    self.cash -= owed
    self.funding -= owed
    return -owed


def _forget_funding(self: Account, asset: int, ticks: int, rate: int) -> int:
    return 0


def _buy_it_all(buys: Sequence[Order], cash: int, terms: object) -> list[Order]:
    return list(buys)


def _no_reserve(buys: Sequence[Order], cash: int, terms: object) -> list[Order]:
    cost = sum(order.notional for order in buys)  # forgets the fees
    if cost <= cash:
        return list(buys)
    scaled = [replace(order, lots=order.lots * cash // cost) for order in buys]
    return [order for order in scaled if order.lots]


def _stop_on_the_wrong_side(state: AssetState, unit_value: int, stop_loss: int) -> int:
    turned = AssetState(-state.lots, state.basis, state.high_water, state.bars_held)
    return stop_level(turned, unit_value, stop_loss)


def _look_ahead(
    state: AssetState, bar: AssetBar, unit_value: int, settings: SimulationSettings
) -> Exit | None:
    best = max(state.high_water, bar.high) if state.lots > 0 else min(state.high_water, bar.low)
    seen = AssetState(state.lots, state.basis, best, state.bars_held)
    return find_exit(seen, bar, unit_value, settings)


def _ignore_stops(*_: object) -> None:
    return None


def _farthest_first(found: list[Level], direction: int, bar: AssetBar) -> list[Level]:
    return list(reversed(stops_reached(found, direction, bar)))


stops_reached = stops.reached


def _late_liquidation(state: AssetState, unit_value: int, settings: SimulationSettings) -> int:
    level = liquidation_level(state, unit_value, settings)
    return level * 9 // 10 if state.lots > 0 else level * 11 // 10


def _fill_at_the_level(level: Level, direction: int, bar: AssetBar, slippage: int) -> Exit:
    return Exit(level.ticks, level.ticks, level.reason)


def _fill_at_last_close(
    side: int, last_close: int, bar: AssetBar, terms: AssetTerms, settings: SimulationSettings
) -> Quote:
    found = quote(side, last_close, bar, terms, settings)
    return replace(found, ticks=last_close, reference=last_close)


def _better_price(ticks: int, side: int, rate: int) -> int:
    return max(1, ticks * (10**6 - side * rate) // 10**6)


def _touch_is_enough(side: int, limit: int, bar: AssetBar) -> bool:
    return bar.wait_low <= limit if side > 0 else bar.wait_high >= limit


def _always_worth(*_: object) -> bool:
    return True


def _no_gross_limit(weights: Sequence[int | None], *_: object) -> list[int | None]:
    return list(weights)


def _round_up(weight: int, equity: int, lot_value: int) -> int:
    lots = -(-abs(weight) * equity // 10**4 // lot_value) + 1
    return lots if weight > 0 else -lots


def _any_size(lots: int, volume: int, participation: int) -> int:
    return lots


def _hold_is_flat(action: float) -> int | None:
    found = quantise(action)
    return 0 if found is None else found


def _no_cuts(lots: Sequence[int], *_: object) -> list[int]:
    return [0] * len(lots)


def _half_cuts(
    lots: Sequence[int],
    lot_values: Sequence[int],
    missing: Sequence[bool],
    equity: int,
    settings: SimulationSettings,
) -> list[int]:
    cuts = hard_cuts(lots, lot_values, missing, equity, settings)
    return [cut // 2 if cut > 0 else -(-cut // 2) for cut in cuts]


def _soft_is_free(change: int, lots: int) -> int:
    return change


def _cheapest_first(basis: int, reduced: int, held: int) -> int:
    return basis if reduced == held else basis * reduced // held * 9 // 10


def _never_ruined(*_: object) -> bool:
    return False


def _ruined_early(equity: int, initial: int, settings: SimulationSettings) -> bool:
    return equity <= initial * 95 // 100 and settings.ruin_level < 9_000


def _leave_it_open(*_: object) -> list[object]:
    return []


def _no_penalty(value: int, rate_ppm: int) -> int:
    return 0


def _simple_return(state: object, equities: tuple[int, int], *_: object) -> float:
    return equities[1] / equities[0] - 1.0


def _never_older(state: AssetState, bar: AssetBar) -> None:
    return None


def _any_weight(action: int, *_: object) -> int:
    return action * 4


def _tighter_trailing(state: AssetState, trailing_stop: int) -> int:
    return trailing_level(state, trailing_stop // 2)


def _lose_the_profit(*arguments: int) -> int:
    move_position(*arguments)  # type: ignore[arg-type]  # passed on as it came
    return 0


def _misreport(
    account: Account, order: Order, reason: FillReason, extra_fee: int = 0
) -> SimulatedFill:
    fill = execute(account, order, reason, extra_fee)
    return replace(fill, lots=fill.lots + 1)


def _last_asset_first(*arguments: Any) -> list[Order]:  # noqa: ANN401  # passed on as it came
    return make_orders(*arguments)[::-1]


def _trade_in_gaps(
    account: Account,
    changes: Sequence[int],
    now: Sequence[AssetBar],
    following: Sequence[AssetBar],
    settings: SimulationSettings,
) -> list[Order]:
    whole = [bar._replace(missing=False) for bar in following]
    return make_orders(account, changes, now, whole, settings)


BUGS: list[tuple[object, str, Callable[..., object], Rule]] = [
    (Account, "trade", _refund_fees, oracle.cash_follows_fills),
    (Account, "pay_funding", _pay_longs, oracle.funding_is_paid_by_longs),
    (Account, "pay_funding", _forget_funding, oracle.funding_is_paid_by_longs),
    (account, "move_position", _lose_the_profit, oracle.equity_is_explained),
    (account, "released_basis", _cheapest_first, oracle.average_cost_is_kept),
    (fills, "fee_of", _no_penalty, oracle.fees_are_paid),
    (fills, "slip", _better_price, oracle.slippage_costs),
    (fills, "traded_through", _touch_is_enough, oracle.makers_are_traded_through),
    (sizing, "hard_cuts", _half_cuts, oracle.margin_limits_bind),
    (sizing, "hard_cuts", _no_cuts, oracle.margin_limits_bind),
    (sizing, "limit_gross", _no_gross_limit, oracle.targets_keep_the_gross_limit),
    (sizing, "quantise", _hold_is_flat, oracle.holds_are_held),
    (sizing, "soften", _soft_is_free, oracle.margin_limits_bind),
    (sizing, "target_lots", _round_up, oracle.changes_aim_at_their_weight),
    (sizing, "wanted_weight", _any_weight, oracle.weights_keep_their_limits),
    (sizing, "worth_trading", _always_worth, oracle.small_orders_are_dropped),
    (step, "affordable", _buy_it_all, oracle.a_cash_account_never_owes),
    (step, "affordable", _no_reserve, oracle.a_cash_account_never_owes),
    (step, "close_everything", _leave_it_open, oracle.ruin_ends_everything),
    (step, "execute", _misreport, oracle.lots_follow_fills),
    (step, "fee_of", _no_penalty, oracle.fees_are_paid),
    (step, "fillable", _any_size, oracle.volume_limits_rebalancing),
    (step, "find_exit", _ignore_stops, oracle.stops_act_when_reached),
    (step, "find_exit", _look_ahead, oracle.stops_act_when_reached),
    (step, "is_ruined", _never_ruined, oracle.ruin_ends_everything),
    (step, "is_ruined", _ruined_early, oracle.ruin_ends_everything),
    (step, "make_orders", _last_asset_first, oracle.sells_come_first),
    (step, "make_orders", _trade_in_gaps, oracle.nothing_trades_in_a_gap),
    (step, "quote", _fill_at_last_close, oracle.fills_lie_in_the_bar),
    (step, "reward", _simple_return, oracle.rewards_are_growth),
    (step, "update_marks", _never_older, oracle.marks_follow_the_market),
    (stops, "liquidation_level", _late_liquidation, oracle.stops_act_when_reached),
    (stops, "market_exit", _fill_at_the_level, oracle.fills_lie_in_the_bar),
    (stops, "reached", _farthest_first, oracle.stops_act_when_reached),
    (stops, "stop_level", _stop_on_the_wrong_side, oracle.stops_act_when_reached),
    (stops, "trailing_level", _tighter_trailing, oracle.stops_act_when_reached),
]


def _is_caught(rules: Sequence[Rule]) -> bool:
    for seed in SEEDS:
        for played in play_market(seed):
            try:
                for rule in rules:
                    rule(played)
            except (AssertionError, MettleError):
                return True
    return False


def test_the_step_itself_passes() -> None:
    """On the same seeds the rules as they are break nothing."""
    assert not _is_caught(oracle.RULES)


@pytest.mark.parametrize(
    ("place", "name", "bug", "rule"),
    BUGS,
    ids=[f"{name}-{bug.__name__.strip('_')}" for _, name, bug, _ in BUGS],
)
def test_a_planted_bug_is_caught(
    place: object,
    name: str,
    bug: Callable[..., object],
    rule: Rule,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong rule in the place of the right one breaks the very property that guards it."""
    monkeypatch.setattr(place, name, bug)
    assert _is_caught([rule])


def test_every_guard_is_shown_to_bite() -> None:
    """No property of the oracle goes without a bug that breaks it."""
    shown = {rule.__name__ for _, _, _, rule in BUGS}
    assert {rule.__name__ for rule in oracle.RULES} == shown
