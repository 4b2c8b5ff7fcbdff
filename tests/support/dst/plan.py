"""What a world is like: everything follows from its seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from mettle.adapters.venues.exchange import Fault, FaultPlan
from mettle.adapters.venues.exchange.faults import CATALOGUE, Site
from mettle.application.ports.venue import RepeatedId
from mettle.domain.orders import ExecutionPolicy
from mettle.domain.risk import RiskProfile
from mettle.domain.risk.rules import DAY, BreakerRule
from mettle.domain.simulation import SimulationSettings

from .chance import Chance
from .storage import DiskFaults

MINUTE = 60_000

_COINS = ("BTC", "ETH", "SOL", "XRP", "ADA", "LTC", "DOT", "UNI", "ETC", "XLM", "TRX", "EOS")
SPOT = tuple(f"{one}/USDT" for one in _COINS)
PERPETUAL = tuple(f"{one}/USDT:USDT" for one in _COINS[:4])

WORLD_FAULTS = (
    "crash",
    "freeze",
    "database",
    "disk full",
    "clock skew",
    "clock step",
    "operator",
    "kill",
    "second trader",
    "notifier",
)
"""Faults of the world outside the venue, each of which can be switched off."""


_SELDOM = ("Submitting", "Partial", "Cancelling")
"""States that an order is in for moments."""


@dataclass(frozen=True)
class WorldPlan:
    """The course of one world.

    Attributes:
        policy: What the venue does with an id that it knows.
        third: Units of the exchange's own asset that the account begins with, for fees.
        trouble: How much goes wrong at the venue; 1 is the catalogue's storm.
        boost: What goes wrong so many times more often still.
        shares: All faults of a site together, as a share of its opportunities; in their
            proportions.
        hourly: Faults that come by the hour, and how often they do.
        lasts: Least and most minutes of what lasts.
        without: Faults that are switched off.
        strikes: Share of the attempts between whose writing and sending the world strikes.
        gone: Faults that keep the venue away, which may begin there too.
        aim: In how many cases an event at which an order is in a seldom state brings a fault.
        aims: Those states, and what is brought about in each; nothing means anything.
        tended: Whether a person looks after the account each minute.
        minutes: How often people and machines do what they do, where it is not the usual.
        kill_seconds: Least and most until a kill is taken back.
        pause_seconds: Least and most until a pause is.
        outage_seconds: How long the disk may fail in one go.
        restart_ms: How long a process that died stays down.
        deaths: In how many cases a process dies at a place, where it is not the crash share.
        misfortunes: What may come along with a death right after an order was taken.
        fence_ms: How long after its stamp the venue may still take a request.
        timeout_ms: After how long a request without an answer is given up.
        glance_ms: How long people wait at least before they look again.
        calm_minutes: How long the world goes on without faults at the end.
    """

    seed: int
    names: tuple[str, ...] = (*SPOT[:2], PERPETUAL[0])
    timeframe: str = "1m"
    bars: int = 4_000
    policy: RepeatedId = RepeatedId.REFUSED
    lookup_by_id: bool = True
    stamped: bool = False
    post_only: bool = True
    fee_mode: str = "quote"
    third: int = 0
    trouble: float = 1.0
    boost: Mapping[Fault, float] = field(default_factory=dict)
    shares: Mapping[Site, float] = field(default_factory=dict)
    hourly: Mapping[Fault, float] = field(default_factory=dict)
    lasts: Mapping[Fault, tuple[int, int]] = field(default_factory=dict)
    funding_minutes: int = 480
    disk: DiskFaults = field(default_factory=DiskFaults)
    crash_share: float = 0.0
    freezes: bool = True
    strikes: float = 0.0
    aim: float = 0.0
    aims: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(_SELDOM, ()))
    gone: tuple[Fault, ...] = ()
    second_trader: bool = False
    operator: bool = True
    operator_minutes: float = 20
    tended: bool = False
    minutes: Mapping[str, float] = field(default_factory=dict)
    kills: bool = False
    kill_seconds: tuple[int, int] = (120, 900)
    pause_seconds: tuple[int, int] = (10, 600)
    outage_seconds: tuple[int, ...] = (1, 5, 30, 300)
    restart_ms: tuple[int, ...] = (200, 1_000, 5_000, 30_000, 70_000)
    deaths: Mapping[str, float] = field(default_factory=dict)
    misfortunes: tuple[str, ...] = ()
    skew_ms: int = 0
    swing: float = 0.001
    calm: float = 0.6
    without: tuple[str, ...] = ()
    fence_ms: int = 60_000
    timeout_ms: int = 10_000
    glance_ms: int = 0
    calm_minutes: int = 45
    execution: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    profile: RiskProfile = field(default_factory=lambda: RiskProfile("open", leverage=None))
    settings: SimulationSettings = field(default_factory=SimulationSettings)

    def has(self, fault: str) -> bool:
        """Return whether a fault of the world is on."""
        return fault not in self.without


_POLICIES = (RepeatedId.RETURNS_ORIGINAL, RepeatedId.REFUSED, RepeatedId.UNIQUE_AMONG_OPEN)


def plan_for(seed: int, without: tuple[str, ...] = ()) -> WorldPlan:
    """Return the world of a seed: seeds go through every policy, profile and mix in turn."""
    random = Chance(seed).stream("plan")
    margin = random.random() < 0.5
    plan = WorldPlan(
        seed,
        names=_names(random.randint(2, 3), random.randint(1, 2) if margin else 0),
        timeframe=random.choice(("1m", "1m", "1m", "5m")),
        policy=_POLICIES[seed % 3],
        lookup_by_id=seed % 3 != 0,
        stamped=seed % 3 == 2,
        fee_mode=random.choice(("quote", "quote", "received", "third")),
        trouble=random.choice((0.5, 1.5, 3.0)),
        strikes=random.choice((0.0, 0.02, 0.1)),
        boost=_boost(random),
        funding_minutes=random.choice((10, 60, 480)),
        disk=disk(random.choice((0.0, 1.0, 1.0))),
        crash_share=random.choice((0.0, 0.0005, 0.002)),
        second_trader=random.random() < 0.25,
        kills=random.random() < 0.25,
        skew_ms=random.choice((0, 0, 0, 400, -400, 5_000, -5_000, 90_000, -90_000)),
        swing=random.choice((0.0005, 0.001, 0.004)),
        calm=random.choice((0.0, 0.0, 0.3)),
        without=without,
        profile=PROFILES[random.choice(sorted(PROFILES))],
        settings=SimulationSettings(
            initial_cash=100_000 * 10**8,
            leverage=2 if margin else 1,
            allow_short=margin,
            gross_limit=10_000,
            ruin_level=0,
        ),
    )  # fmt: skip
    if not plan.has("database"):
        plan = replace(plan, disk=DiskFaults())
    return plan


def _names(spot: int, perpetual: int) -> tuple[str, ...]:
    return (*SPOT[:spot], *PERPETUAL[:perpetual])


_RARE = tuple(
    fault for fault, terms in CATALOGUE.items() if terms.site in {Site.EVENT, Site.LASTING}
)
_ENDLESS = {Fault.DNS_GONE, Fault.LISTEN_KEY_EXPIRED, Fault.FEED_FROZEN, Fault.STREAM_FROZEN}
"""Last so long that they would leave no room for others."""


def _boost(random: Random) -> dict[Fault, float]:
    """Draw which of the faults that come by the hour come often in this world."""
    chosen = random.sample([fault for fault in _RARE if fault not in _ENDLESS], 5)
    return {**dict.fromkeys(chosen, 60.0), random.choice(sorted(_ENDLESS, key=_name)): 4.0}


def _name(fault: Fault) -> str:
    return fault.value


def fault_plan(plan: WorldPlan) -> FaultPlan:
    """Return what goes wrong at the venue."""
    if not plan.trouble:
        return FaultPlan()
    storm = FaultPlan.storm(plan.trouble)
    rates = {fault: rate * plan.boost.get(fault, 1.0) for fault, rate in storm.rates.items()}
    for site, share in plan.shares.items():
        of_site = [fault for fault in rates if CATALOGUE[fault].site is site]
        total = sum(rates[fault] for fault in of_site)
        rates.update({fault: rates[fault] * share / total for fault in of_site})
    rates.update(plan.hourly)
    off = frozenset(fault for fault in Fault if fault.value in plan.without)
    return FaultPlan(rates, without=off, lasts=plan.lasts)


def disk(level: float) -> DiskFaults:
    """Return how often a disk fails; 1 is the usual storm."""
    return DiskFaults(
        busy=0.001 * level,
        full=0.0003 * level,
        io=0.0003 * level,
        read_io=0.0001 * level,
        lost_commit=0.0005 * level,
        false_alarm=0.0003 * level,
    )


PROFILES = {
    one.name: one
    for one in (
        RiskProfile("open", leverage=None),
        RiskProfile("limits", position=300_000, exposure=600_000, trades_per_day=500),
        RiskProfile(
            "losses",
            position=400_000,
            exposure=800_000,
            daily_loss=BreakerRule(4_000, recovery=30 * MINUTE),
            consecutive_losses=BreakerRule(3, recovery=10 * MINUTE),
            drawdown=BreakerRule(20_000, recovery=20 * MINUTE, critical=True),
        ),
        RiskProfile(
            "nervous",
            position=500_000,
            api_failures=BreakerRule(20, window=10 * MINUTE, recovery=5 * MINUTE),
            api_latency=BreakerRule(20_000, recovery=5 * MINUTE),
            bad_actions=BreakerRule(5, window=60 * MINUTE, recovery=10 * MINUTE),
            price_jump=BreakerRule(30_000, window=5 * MINUTE, recovery=5 * MINUTE),
            weekly_loss=BreakerRule(100_000, recovery=DAY, critical=True),
        ),
    )
}
"""Whose limits hold, by name."""
