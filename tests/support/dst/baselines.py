"""S6: the same seeds under four ways to handle unknown outcomes that are found in the wild."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from mettle.adapters.system import PhiloxRandomness
from mettle.adapters.venues.exchange import ExchangeVenue
from mettle.application.ports.venue import VenueOrderStatus
from mettle.domain.orders import intent_id

from .campaign import in_order
from .habits import BaselineGear, BaselineTrader, Habit, Kept
from .parts import Part, Scale
from .plan import MINUTE, WorldPlan, plan_for
from .storage import DiskFaults
from .world import ACCOUNT, World

OURS = "this project"
_SIZES = {
    Scale.SHORT: (4, 1_500),
    Scale.CI: (12, 4_000),
    Scale.NIGHTLY: (120, 8_000),
    Scale.RELEASE: (120, 8_000),
}
"""Seeds, and events of trouble in each."""


@dataclass
class Loss:
    """What a way of trading cost.

    Attributes:
        intents: What was meant to be traded.
        doubled: Intents of which more was traded than was meant.
        excess: Lots too many.
        lost: Orders that traded or are still open, and whose trader does not know it.
        unbooked: Lots that nobody booked.
    """

    intents: int = 0
    doubled: int = 0
    excess: int = 0
    lost: int = 0
    unbooked: int = 0
    events: int = 0
    seeds: list[int] = field(default_factory=list)

    def add(self, other: Loss) -> None:
        """Add another world's."""
        for name in ("intents", "doubled", "excess", "lost", "unbooked", "events"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seeds += other.seeds


def plain(seed: int) -> WorldPlan:
    """Return the world of a seed as far as it is the same for all: the venue and the machine."""
    return replace(
        plan_for(seed),
        timeframe="1m",
        trouble=1.5,
        disk=DiskFaults(),
        strikes=0.0,
        crash_share=0.0005,
        second_trader=False,
        operator=False,
        kills=False,
        calm=0.0,
        minutes={"crash": 10},
    )


class BaselineWorld(World):
    """A world in which somebody else trades; no oracle judges him, the venue's truth does."""

    def __init__(self, plan: WorldPlan, habit: Habit) -> None:
        super().__init__(plan)
        self.habit = habit
        self.kept = Kept()
        self.sent: dict[str, tuple[int, int]] = {}

    def _session(self, name: str) -> None:
        self._connections += 1
        line = ExchangeVenue(
            self.exchange,
            ACCOUNT,
            self.clocks[name],
            PhiloxRandomness(self.plan.seed),
            connection=self._connections,
        )
        self._lines[name] = line
        gear = BaselineGear(
            self.habit,
            self.panel.instruments,
            line,
            self.clocks[name],
            self.chance,
            self.kept,
            self._note,
            resting=lambda: self.resting,
        )
        BaselineTrader(gear).run(lambda: self.stopping)

    def _note(self, order_id: str, number: int, lots: int) -> None:
        self.sent[order_id] = number, lots

    def _after_event(self, _: str) -> None:
        self.exchange.sync()

    def _calm(self) -> None:
        self.exchange.mischief.calm()
        self.resting = True
        self.scheduler.run(until=self.scheduler.now + 45 * MINUTE)

    def loss(self) -> Loss:
        """Return what it cost, by what the venue knows."""
        booked = {(str(symbol), trade) for symbol, trade in self.kept.booked}
        return _loss(self, self.sent, booked, self.kept.closed)


def _loss(
    world: World,
    sent: dict[str, tuple[int, int]],
    booked: Iterable[tuple[str, str]],
    closed: Iterable[str],
) -> Loss:
    """Hold what was sent and booked against the venue.

    Args:
        sent: Order id → what it was for, and how many lots that was to be.
        closed: Orders that the trader believes to have ended.
    """
    filled: Counter[int] = Counter()
    wanted: dict[int, int] = {}
    unbooked: defaultdict[str, int] = defaultdict(int)
    known, over = set(booked), set(closed)
    for fill in world.truth.fills():
        if fill.client_order_id in sent:
            filled[sent[fill.client_order_id][0]] += fill.lots
            if (str(fill.symbol), fill.trade_id) not in known:
                unbooked[fill.client_order_id] += fill.lots
    lost = set(unbooked)
    for order_id, (number, lots) in sent.items():
        wanted[number] = lots
        shown = world.truth.orders(order_id)
        if order_id in over and any(one.status is VenueOrderStatus.OPEN for one in shown):
            lost.add(order_id)
    excess = [filled[one] - lots for one, lots in wanted.items() if filled[one] > lots]
    return Loss(
        len(wanted), len(excess), sum(excess), len(lost), sum(unbooked.values()),
        world.scheduler.events, [world.plan.seed],
    )  # fmt: skip


def _ours(seed: int, events: int) -> Loss:
    world = World(plain(seed))
    world.run(events, stop_at_violation=False)
    view = world.oracle.view
    numbers: dict[str, int] = {}
    sent: dict[str, tuple[int, int]] = {}
    for order_id, order in view.orders.items():
        if order.terms is not None:
            number = numbers.setdefault(intent_id(order.intent), len(numbers))
            sent[order_id] = number, order.intent.lots
    closed = set(view.orders) - set(view.possibly_live)
    return _loss(world, sent, view.fills, closed)


def _theirs(habit: Habit, seed: int, events: int) -> Loss:
    world = BaselineWorld(plain(seed), habit)
    world.run(events, stop_at_violation=False)
    return world.loss()


def play(job: tuple[str, int], events: int) -> tuple[str, Loss]:
    """Play one seed one way."""
    way, seed = job
    return way, _ours(seed, events) if way == OURS else _theirs(Habit(way), seed, events)


def measure(scale: Scale, processes: int) -> Part:
    """Play the same seeds all five ways."""
    began = time.perf_counter()
    seeds, events = _SIZES[scale]
    ways = [OURS, *(one.value for one in Habit)]
    jobs = [(way, seed) for seed in range(seeds) for way in ways]
    total = {way: Loss() for way in ways}
    for way, loss in in_order(partial(play, events=events), jobs, processes):
        total[way].add(loss)
    ours = total[OURS]
    wrong = [way for way in ways[1:] if not total[way].doubled + total[way].lost]
    return Part(
        "baselines",
        {
            "seeds": seeds,
            "events": sum(one.events for one in total.values()),
            "wall_seconds": round(time.perf_counter() - began, 1),
            "ways": {
                way: {
                    "intents": one.intents,
                    "doubled": one.doubled,
                    "lots_too_many": one.excess,
                    "lost": one.lost,
                    "lots_unbooked": one.unbooked,
                }
                for way, one in total.items()
            },
        },
        "ours 0 doubled and 0 lost; each of the four loses or doubles on the same seeds",
        not ours.doubled and not ours.lost and ours.intents > 0 and not wrong,
        f"ours {ours.doubled} doubled and {ours.lost} lost of {ours.intents}; "
        + ", ".join(f"{way} {total[way].doubled} and {total[way].lost}" for way in ways[1:]),
        [
            "| way | intents | doubled | lots too many | lost orders | lots unbooked |",
            "|---|--:|--:|--:|--:|--:|",
            *(
                f"| {way} | {one.intents:,} | {one.doubled} | {one.excess:,} | {one.lost} | "
                f"{one.unbooked:,} |"
                for way, one in total.items()
            ),
        ],
    )
