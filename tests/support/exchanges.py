"""Small simulated exchanges: scripted markets for exact tests, drawn ones for rough weather."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pytest
from mettle.adapters.system import PhiloxRandomness, SimulatedClock
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    Fault,
    FaultPlan,
    Latency,
    NewOrder,
    Order,
    RecordedPath,
    SimulatedExchange,
    Strike,
    Tick,
)
from mettle.application.market import MarketPanel
from mettle.application.ports.venue import Acknowledgement, OrderRequest, OutcomeUnknown, VenueFill
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.orders import OrderTerms, Side, TimeInForce

BTC = Symbol.parse("BTC/USDT")
PERP = Symbol.parse("BTC/USDT:USDT")
START = 1_760_000_000_000 // 28_800_000 * 28_800_000
"""The small worlds begin at a funding settlement."""
SECOND = 1_000
AT_ONCE = Latency((0, 0), (0, 0), (0, 0))


def instrument(symbol: Symbol, least: int = 10) -> Instrument:
    """Return an instrument with a tick of 1, a lot of 0.001, 0.1 % maker and 0.2 % taker fee."""
    fees = FeeSchedule.flat(1_000, 2_000)
    return Instrument(symbol, Decimal(1), Decimal("0.001"), fees, Decimal(least), "exchange")


def tick(
    second: float,
    bid: int = 1_000,
    *,
    spread: int = 2,
    size: int = 500,
    low: int | None = None,
    high: int | None = None,
    sold: int = 0,
    bought: int = 0,
) -> Tick:
    """Return a tick ``second`` seconds after the start; it trades nothing unless told."""
    ask, at = bid + spread, START + int(second * SECOND)
    return Tick(at, bid, ask, size, size, low or bid + 1, high or bid + 1, sold, bought)


@dataclass
class Bench:
    """One exchange, one clock, and a client for each account."""

    exchange: SimulatedExchange
    clock: SimulatedClock
    clients: dict[str, ExchangeVenue] = field(default_factory=dict)
    sent: int = 0

    @property
    def client(self) -> ExchangeVenue:
        """The client of account ``a``."""
        return self.clients["a"]

    def at(self, second: float) -> None:
        """Go to ``second`` seconds after the start."""
        self.clock.sleep_until(START + int(second * SECOND))
        self.exchange.sync()

    def place(self, new: NewOrder, account: str = "a") -> tuple[Acknowledgement, Order | None]:
        """Place an order at the exchange itself."""
        return self.exchange.reception.place(account, new)

    def rest(self, side: int, lots: int, limit: int, name: str = "x", account: str = "a") -> Order:
        """Place a limit order that must be taken, and return it."""
        _, order = self.place(NewOrder(name, self.symbol, side, lots, limit), account)
        assert order is not None
        return order

    @property
    def symbol(self) -> Symbol:
        """The only symbol."""
        return next(iter(self.exchange.floor.books))

    def held(self, asset: str, account: str = "a") -> Decimal:
        """Return a balance."""
        return self.exchange.account(account).balances.get(asset, Decimal(0))

    def free(self, asset: str, account: str = "a") -> Decimal:
        """Return a free balance."""
        return self.exchange.account(account).free.get(asset, Decimal(0))


def bench(
    *ticks: Tick,
    symbol: Symbol = BTC,
    rules: ExchangeRules | None = None,
    faults: FaultPlan | None = None,
    deposits: Mapping[str, Decimal | int] | None = None,
    accounts: Sequence[str] = ("a",),
    latency: Latency = AT_ONCE,
    funding: dict[int, int] | None = None,
    seed: int = 1,
) -> Bench:
    """Return an exchange whose market does what the ticks say, and a client for each account."""
    clock, randomness = SimulatedClock(START), PhiloxRandomness(seed)
    path = RecordedPath(ticks or (tick(0),), funding)
    exchange = SimulatedExchange(
        [instrument(symbol)], {symbol: path}, clock, randomness, rules, faults
    )
    found = Bench(exchange, clock)
    for name in accounts:
        money = {"USDT": 10_000, "BTC": 5} if deposits is None else deposits
        exchange.open_account(name, {asset: Decimal(count) for asset, count in money.items()})
        found.clients[name] = ExchangeVenue(exchange, name, clock, randomness, latency=latency)
    return found


def request(
    name: str,
    side: Side = Side.BUY,
    lots: int = 100,
    limit: int = 990,
    *,
    symbol: Symbol = BTC,
    life: TimeInForce = TimeInForce.GTC,
    expires_at: int | None = None,
    post_only: bool = False,
    reduce_only: bool = False,
) -> OrderRequest:
    """Return a limit order as a client sends it; it rests unless told otherwise."""
    return OrderRequest(
        name,
        OrderTerms(
            symbol,
            side,
            lots,
            limit=limit,
            time_in_force=life,
            expires_at=expires_at,
            post_only=post_only,
            reduce_only=reduce_only,
        ),
    )


def walk(names: Sequence[str], bars: int, seed: int) -> MarketPanel:
    """Return a random walk of 5-minute bars around 50,000."""
    rng, frame = np.random.default_rng(seed), Timeframe.parse("5m")
    shape = (bars, len(names))
    close = (50_000 * np.exp(np.cumsum(rng.normal(0, 0.002, shape), axis=0))).astype(np.int64)
    opening = np.vstack((close[:1], close[:-1]))
    nothing = np.zeros(shape, np.int64)
    return MarketPanel(
        frame,
        tuple(instrument(Symbol.parse(name)) for name in names),
        START + frame.milliseconds * np.arange(bars, dtype=np.int64),
        opening,
        np.maximum(opening, close) + rng.integers(0, 100, shape),
        np.minimum(opening, close) - rng.integers(0, 100, shape),
        close,
        rng.integers(0, 100_000, shape),
        np.ones(shape, np.uint8),
        nothing,
        nothing,
    )


def drawn(
    names: Sequence[str],
    seed: int,
    rules: ExchangeRules,
    faults: FaultPlan | None = None,
    bars: int = 1_000,
) -> Bench:
    """Return an exchange on drawn markets with two rich accounts and a network that takes time."""
    panel = walk(names, bars, seed)
    clock, randomness = SimulatedClock(START), PhiloxRandomness(seed)
    paths = {one.symbol: BarPath(panel, one.symbol, randomness) for one in panel.instruments}
    exchange = SimulatedExchange(panel.instruments, paths, clock, randomness, rules, faults)
    exchange.set_third_price("USDT", 600 * 10**8)
    found = Bench(exchange, clock)
    for name in ("a", "b"):
        deposits = {"USDT": Decimal(2_000_000), "BTC": Decimal(5), "BNB": Decimal(10)}
        exchange.open_account(name, deposits)
        found.clients[name] = ExchangeVenue(exchange, name, clock, randomness)
    return found


QUIET = tuple(tick(10 * number) for number in range(2_000))
"""A market in which nothing happens for hours."""
IMPATIENT = Latency((0, 0), (0, 0), (0, 0), timeout=400)


def struck(
    fault: Fault,
    times: int = 1,
    *,
    rules: ExchangeRules | None = None,
    latency: Latency = AT_ONCE,
    seed: int = 1,
) -> Bench:
    """Return a world in which a fault strikes at the first opportunity."""
    plan = FaultPlan(strikes=(Strike(fault, START, times),))
    return bench(*QUIET, faults=plan, rules=rules, latency=latency, seed=seed)


def lasting(
    fault: Fault,
    *,
    rules: ExchangeRules | None = None,
    deposits: Mapping[str, Decimal | int] | None = None,
) -> Bench:
    """Return a world in which a fault lasts from half a second to ten minutes after the start."""
    plan = FaultPlan(strikes=(Strike(fault, START + 500, until=START + 600_000),))
    return bench(*QUIET, faults=plan, rules=rules, deposits=deposits)


def fired(world: Bench, fault: Fault) -> int:
    """Return how often a fault fired, whatever the state."""
    return sum(number for (one, _), number in world.exchange.faults.fired.items() if one is fault)


def unknown(call: Callable[[], object]) -> None:
    """Make a call whose outcome must be unknown."""
    with pytest.raises(OutcomeUnknown):
        call()


def fill_pushes(world: Bench) -> int:
    """Return how many fills have been pushed since the last look."""
    return sum(isinstance(one, VenueFill) for one in world.client.drain())


def buy_now(world: Bench, name: str, lots: int = 50) -> None:
    """Buy at the touch."""
    world.client.create(request(name, limit=1_002, lots=lots, life=TimeInForce.IOC))
