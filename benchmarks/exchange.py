"""The simulated exchange: ticks looked at, fills made, requests answered, calm and in a storm.

Times are of the processor, so that what else the machine does takes no part.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mettle.adapters.system import PhiloxRandomness, SimulatedClock
from mettle.adapters.venues.exchange import (
    ExchangeRules,
    ExchangeVenue,
    FaultPlan,
    NewOrder,
    RecordedPath,
    SimulatedExchange,
    Tick,
)
from mettle.application.ports.venue import OrderRequest
from mettle.domain.errors import MettleError
from mettle.domain.market import FeeSchedule, Instrument, Symbol
from mettle.domain.orders import OrderTerms, Side, TimeInForce

START = 1_760_000_000_000 // 86_400_000 * 86_400_000
SYMBOLS = tuple(Symbol.parse(name) for name in ("BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"))
BTC = SYMBOLS[0]


def run(*, full: bool = False) -> list[dict[str, Any]]:
    """Measure everything five times."""
    count = 100_000 if full else 20_000
    measures: list[tuple[str, str, Callable[[], float]]] = [
        ("ticks looked at for two waiting orders", "ticks/s", lambda: _ticks(count, sold=0)),
        ("ticks that fill a part of an order", "fills/s", lambda: _ticks(count // 5, sold=1)),
        ("requests, nothing fails", "calls/s", lambda: _calls(count // 10, FaultPlan())),
        ("requests in a storm", "calls/s", lambda: _calls(count // 10, FaultPlan.storm())),
    ]
    return [_row(name, unit, [measure() for _ in range(5)]) for name, unit, measure in measures]


def _world(
    ticks: list[Tick], faults: FaultPlan
) -> tuple[SimulatedExchange, ExchangeVenue, SimulatedClock]:
    """Return an exchange with three symbols on one course, a client and their clock."""
    fees = FeeSchedule.flat(1_000, 2_000)
    instruments = [Instrument(one, Decimal(1), Decimal("0.001"), fees) for one in SYMBOLS]
    clock, randomness, path = SimulatedClock(START), PhiloxRandomness(1), RecordedPath(ticks)
    paths = dict.fromkeys(SYMBOLS, path)
    rules = ExchangeRules(leverage=2)
    exchange = SimulatedExchange(instruments, paths, clock, randomness, rules, faults)
    exchange.open_account("a", {"USDT": Decimal(10**12), "BTC": Decimal(10**9)})
    return exchange, ExchangeVenue(exchange, "a", clock, randomness), clock


def _course(count: int, sold: int) -> list[Tick]:
    low = 990 if sold else 1_001
    return [
        Tick(START + 100 * number, 1_000, 1_002, 500, 500, low, 1_001, sold, 0)
        for number in range(count)
    ]


def _ticks(count: int, sold: int) -> float:
    exchange, _, _ = _world(_course(count, sold), FaultPlan())
    exchange.reception.place("a", NewOrder("b", BTC, 1, 10**9, 995))
    exchange.reception.place("a", NewOrder("s", BTC, -1, 10**9, 1_010))
    began = time.process_time()
    exchange.advance(START + 100 * count)
    return exchange.ticks / (time.process_time() - began)


def _calls(count: int, faults: FaultPlan) -> float:
    """Return requests a second: a touch, an order, its cancellation, the fills, in turn."""
    exchange, client, clock = _world(_course(20_000, 0), faults)
    began = time.process_time()
    for number in range(count):
        clock.advance(500)
        try:
            _act(client, SYMBOLS[number % 3], number)
        except MettleError:
            continue
        client.drain()
    seconds = time.process_time() - began
    exchange.audit()
    return count / seconds


def _act(client: ExchangeVenue, symbol: Symbol, number: int) -> None:
    step, order_id = number % 4, f"o{number // 4}"
    if step == 0:
        client.quote(symbol)
    elif step == 1:
        limit, life = (995, TimeInForce.GTC) if number % 8 == 1 else (1_002, TimeInForce.IOC)
        terms = OrderTerms(BTC, Side.BUY, 20, limit=limit, time_in_force=life)
        client.create(OrderRequest(order_id, terms))
    elif step == 2:
        client.cancel(BTC, order_id)
    else:
        client.fills_since(START + 500 * max(0, number - 20))


def _row(name: str, unit: str, figures: list[float]) -> dict[str, Any]:
    middle = statistics.median(figures)
    spread = (max(figures) - min(figures)) / middle
    return {"name": name, "value": middle, "unit": unit, "spread": spread}
