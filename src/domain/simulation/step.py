"""One step of the market: the rules of docs/concepts/market-step.md in their order."""

from __future__ import annotations

from collections.abc import Sequence

from .account import Account, AssetState
from .fills import Order, Quote, affordable, fee_of, fillable, quote
from .numbers import notional, sign, slip
from .records import AssetBar, FillReason, SimulatedFill, StepResult
from .rewards import RewardState, equal_weight_growth, reward
from .settings import ACTION_SCALE, SimulationSettings
from .sizing import Plan, plan_changes
from .stops import find_exit


def make_orders(
    account: Account,
    changes: Sequence[int],
    now: Sequence[AssetBar],
    following: Sequence[AssetBar],
    settings: SimulationSettings,
) -> list[Order]:
    """Price what can fill of ``changes`` in the following bars, in index order."""
    orders = []
    for index, change in enumerate(changes):
        bar, terms = following[index], account.terms[index]
        if change == 0 or bar.missing:
            continue
        side = 1 if change > 0 else -1
        lots = fillable(abs(change), bar.volume, settings.participation)
        if lots:
            price = quote(side, now[index].close, bar, terms, settings)
            orders.append(Order(index, side, lots, price, terms.unit_value))
    return orders


def execute(
    account: Account, order: Order, reason: FillReason, extra_fee: int = 0
) -> SimulatedFill:
    """Book an order at its price."""
    fee = order.fee + extra_fee
    price = order.quote
    realised = account.trade(order.asset, order.side, order.lots, price.ticks, fee)
    return SimulatedFill(
        order.asset,
        order.side,
        order.lots,
        price.ticks,
        price.reference,
        fee,
        realised,
        price.maker,
        reason,
    )


def open_bar(
    account: Account,
    plan: Plan,
    now: Sequence[AssetBar],
    following: Sequence[AssetBar],
    settings: SimulationSettings,
) -> tuple[list[int], list[SimulatedFill]]:
    """Settle the funding due at the open, then fill: sells first, buys with what cash there is.

    Returns:
        Funding received of each asset (1e-8 quote), and the fills.
    """
    funding = [
        0 if bar.missing else account.pay_funding(index, bar.open, bar.funding_open)
        for index, bar in enumerate(following)
    ]
    orders = make_orders(account, plan.changes, now, following, settings)
    fills = [execute(account, order, plan.reason) for order in orders if order.side < 0]
    buys = [order for order in orders if order.side > 0]
    if not settings.on_margin:
        buys = affordable(buys, account.cash, account.terms)
    fills += [execute(account, order, plan.reason) for order in buys]
    return funding, fills


def close_position(
    account: Account, asset: int, ticks: int, reference: int, reason: FillReason, penalty_ppm: int
) -> SimulatedFill:
    """Close a whole position at ``ticks`` as a taker; ``penalty_ppm`` is booked with the fee."""
    terms = account.terms[asset]
    lots = account.assets[asset].lots
    price = Quote(ticks, reference, terms.taker_ppm, maker=False)
    order = Order(asset, -1 if lots > 0 else 1, abs(lots), price, terms.unit_value)
    return execute(account, order, reason, fee_of(order.notional, penalty_ppm))


def inside_bar(
    account: Account, asset: int, bar: AssetBar, settings: SimulationSettings
) -> tuple[int, SimulatedFill | None]:
    """Take one position through a bar: funding, then stops, then its marks.

    Returns:
        Funding received (1e-8 quote), and the exit if the bar forced one.
    """
    state = account.assets[asset]
    if state.lots == 0:
        return 0, None
    if bar.missing:
        state.bars_held += 1
        return 0, None
    received = account.pay_funding(asset, bar.open, bar.funding_inside)
    found = find_exit(state, bar, account.terms[asset].unit_value, settings)
    if found is not None:
        penalty = settings.liquidation_fee if found.reason is FillReason.LIQUIDATION else 0
        return received, close_position(
            account, asset, found.ticks, found.reference, found.reason, penalty
        )
    update_marks(state, bar)
    return received, None


def update_marks(state: AssetState, bar: AssetBar) -> None:
    """Move the high-water mark and the age of a position that has lived through ``bar``."""
    if state.lots > 0:
        state.high_water = max(state.high_water, bar.high)
    else:
        state.high_water = min(state.high_water, bar.low)
    state.bars_held += 1


def close_everything(
    account: Account, marks: Sequence[int], settings: SimulationSettings
) -> list[SimulatedFill]:
    """Close all positions at their marks, less slippage and fee: what a ruin costs."""
    fills = []
    for index, (lots, mark) in enumerate(zip(account.lots, marks, strict=True)):
        if lots:
            ticks = slip(mark, -sign(lots), settings.slippage)
            fills.append(close_position(account, index, ticks, mark, FillReason.RUIN, 0))
    return fills


def is_ruined(equity: int, initial: int, settings: SimulationSettings) -> bool:
    """Return whether ``equity`` (1e-8 quote) ends the account."""
    return equity <= settings.ruin_level * initial // ACTION_SCALE


def play(
    account: Account,
    memory: RewardState,
    plan: Plan,
    bars: tuple[Sequence[AssetBar], Sequence[AssetBar]],
    settings: SimulationSettings,
) -> StepResult:
    """Play a plan from the close of bar t to the close of bar t+1; account and memory move on.

    Args:
        bars: Those of t and of t+1, one an asset.

    Raises:
        InvalidValue: If a value leaves 64 bits; the account is then of no further use.
    """
    now, following = bars
    funding, fills = open_bar(account, plan, now, following, settings)
    for index, bar in enumerate(following):
        received, found = inside_bar(account, index, bar, settings)
        funding[index] += received
        if found is not None:
            fills.append(found)
    closes = [bar.close for bar in following]
    equity = account.equity(closes)
    ruined = is_ruined(equity, account.initial, settings)
    if ruined:
        fills += close_everything(account, closes, settings)
        equity = account.cash
    traded = sum(
        notional(fill.lots, fill.ticks, account.terms[fill.asset].unit_value) for fill in fills
    )
    growth = equal_weight_growth([bar.close for bar in now], closes)
    paid = reward(memory, (plan.equity, equity), growth, traded, ruined, settings)
    return StepResult(tuple(fills), tuple(funding), equity, paid, ruined)


def advance(
    account: Account,
    memory: RewardState,
    actions: Sequence[float],
    bars: tuple[Sequence[AssetBar], Sequence[AssetBar]],
    settings: SimulationSettings,
) -> StepResult:
    """Decide at the close of bar t and play it to the close of bar t+1.

    Args:
        actions: One an asset, float32 values in [−1, 1]; NaN is HOLD.
        bars: Those of t and of t+1, one an asset.

    Raises:
        InvalidValue: If a value leaves 64 bits; the account is then of no further use.
    """
    plan = plan_changes(actions, account, bars[0], settings)
    return play(account, memory, plan, bars, settings)
