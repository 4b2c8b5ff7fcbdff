"""Random traffic over a simulated exchange in a storm, and what it leaves behind."""

from __future__ import annotations

import hashlib
import random
import sys
from collections import Counter
from dataclasses import dataclass, field

from mettle.adapters.venues.exchange import ExchangeRules, Fault, FaultPlan
from mettle.application.ports.venue import (
    OrderRequest,
    RepeatedId,
    VenueEvent,
    VenueFill,
    VenueOrder,
)
from mettle.domain.errors import MettleError
from mettle.domain.market import Symbol
from mettle.domain.orders import OrderTerms, Side, TimeInForce
from tests.support.exchanges import Bench, drawn

NAMES = ("BTC/USDT", "ETH/USDT", "BTC/USDT:USDT")
POLICIES = tuple(RepeatedId)


@dataclass
class Traffic:
    """Two clients that send whatever comes to mind.

    Attributes:
        pushed: Everything that the streams brought.
        heard: How the calls went.
    """

    seed: int
    level: float = 1.0
    ends_at: int | None = None
    pushed: list[VenueEvent] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    sent: list[tuple[str, Symbol, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  replayable, not for secrets
        policy = POLICIES[self.seed % 3]
        rules = ExchangeRules(
            policy,
            stamped=policy is RepeatedId.UNIQUE_AMONG_OPEN,
            leverage=3,
            third_asset="BNB",
            page=7,
        )
        faults = FaultPlan.storm(self.level, ends_at=self.ends_at)
        self.world: Bench = drawn(NAMES, self.seed, rules, faults)

    def run(self, actions: int, audit_every: int = 100) -> None:
        """Make so many calls, with pauses between them, and audit the exchange now and then."""
        for number in range(actions):
            try:
                self._act()
            except MettleError as error:
                self.heard[type(error).__name__] += 1
            self.world.clock.advance(self.random.randint(50, 40_000))
            for client in self.world.clients.values():
                self.pushed.extend(client.drain())
            if number % audit_every == 0:
                self.world.exchange.audit()
        self.world.exchange.audit()

    def digest(self) -> str:
        """Return a hash of everything that happened and everything that was heard."""
        exchange = self.world.exchange
        fired = sorted(
            (fault.name, state, n) for (fault, state), n in exchange.faults.fired.items()
        )
        text = f"{exchange.trace}{self.heard}{self.pushed!r}{fired}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _act(self) -> None:
        name = self.random.choice(("a", "b"))
        client, roll = self.world.clients[name], self.random.random()
        if roll < 0.55:
            self._send(name)
        elif roll < 0.8 and self.sent:
            owner, symbol, order_id = self.random.choice(self.sent[-12:])
            self.heard[self.world.clients[owner].cancel(symbol, order_id).name] += 1
        elif roll < 0.9:
            since = self.world.clock.now_ms() - 600_000
            client.fills_since(since)
            client.orders_since(since)
        else:
            client.account()
            client.funding_since(0)
            client.open_orders()

    def _send(self, name: str) -> None:
        client, rng = self.world.clients[name], self.random
        symbol, side = Symbol.parse(rng.choice(NAMES)), rng.choice((Side.BUY, Side.SELL))
        quote = client.quote(symbol)
        if quote.bid <= 0:
            return
        near, far = (quote.bid, quote.ask) if side is Side.BUY else (quote.ask, quote.bid)
        lots, sign = rng.randint(1, 400), side.sign
        kind = rng.randrange(4)
        if kind == 0:
            end = client.server_time() + rng.randint(1, 125_000)
            terms = OrderTerms(
                symbol, side, lots, limit=near, time_in_force=TimeInForce.GTD, expires_at=end,
                post_only=True,
            )  # fmt: skip
        elif kind == 1:
            life = TimeInForce.IOC
            terms = OrderTerms(symbol, side, lots, limit=far + sign * 9, time_in_force=life)
        else:
            away = sign * rng.choice((0, 20, 200))
            reduce = kind == 3 and rng.random() < 0.3
            terms = OrderTerms(symbol, side, lots, limit=near - away, reduce_only=reduce)
        again = self.sent and rng.random() < 0.05
        order_id = rng.choice(self.sent)[2] if again else f"{name}-{len(self.sent)}"
        self.sent.append((name, symbol, order_id))
        answer = client.create(OrderRequest(order_id, terms))
        self.heard[type(answer).__name__] += 1


def fills_of(events: list[VenueEvent]) -> list[VenueFill]:
    """Return the fills among events."""
    return [one for one in events if isinstance(one, VenueFill)]


def orders_of(events: list[VenueEvent]) -> list[VenueOrder]:
    """Return the orders among events."""
    return [one for one in events if isinstance(one, VenueOrder)]


def struck_by(traffic: Traffic) -> set[Fault]:
    """Return which faults fired."""
    return {fault for fault, _ in traffic.world.exchange.faults.fired}


if __name__ == "__main__":
    chosen = Traffic(int(sys.argv[1]), level=2.0)
    chosen.run(int(sys.argv[2]))
    sys.stdout.write(chosen.digest())
