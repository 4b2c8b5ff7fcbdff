"""Kinds of worlds: each is biased to faults that are rare elsewhere.

A world's seed fixes everything else about it; the kind only turns up what it is named after, and
makes the orders come quickly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mettle.adapters.venues.exchange import Fault
from mettle.adapters.venues.exchange.faults import Site
from mettle.domain.orders import ExecutionPolicy
from mettle.domain.risk import RiskProfile

from .plan import PERPETUAL, PROFILES, SPOT, WorldPlan, disk
from .storage import DiskFaults

Kind = Callable[[WorldPlan], WorldPlan]

_AWAY = (Fault.MAINTENANCE_503, Fault.EMPTY_BODY, Fault.HTML_BODY)
_SHARES = {
    Site.CALL: 0.01,
    Site.CREATE: 0.4,
    Site.CANCEL: 0.9,
    Site.READ: 0.02,
    Site.HISTORY: 0.1,
    Site.QUOTE: 0.2,
    Site.FILL: 0.15,
    Site.PUSH: 0.5,
    Site.FEED: 0.05,
}
_HOURLY = {
    Fault.PARTIAL_FILL: 0.3,
    Fault.DUST_REMAINDER: 0.3,
    Fault.UNASKED_CANCEL: 0.3,
    Fault.CLOCK_STEP: 15.0,
    Fault.FOREIGN_ORDER: 10.0,
    Fault.BALANCE_MOVED: 15.0,
    Fault.LIQUIDATION: 40.0,
    Fault.FUNDING_PAID: 40.0,
    Fault.FUNDING_RECEIVED: 40.0,
    Fault.CLOCK_SKEW: 25.0,
    Fault.FEE_IN_BASE: 40.0,
    Fault.FEE_IN_THIRD: 40.0,
    Fault.FILTERS_CHANGE: 40.0,
    Fault.STOP_LOCKS_BALANCE: 30.0,
    **dict.fromkeys(_AWAY, 0.5),
}
"""Everywhere, but the first three, which are shares of the orders that rest."""
_LASTS = {
    Fault.CLOCK_SKEW: (1, 2),
    Fault.FEE_IN_BASE: (1, 1),
    Fault.FEE_IN_THIRD: (1, 1),
    Fault.FILTERS_CHANGE: (1, 1),
    Fault.STOP_LOCKS_BALANCE: (1, 2),
    Fault.LISTEN_KEY_EXPIRED: (3, 10),
    Fault.FEED_FROZEN: (2, 5),
    Fault.DNS_GONE: (1, 10),
    **dict.fromkeys(_AWAY, (1, 2)),
}


def _busy(plan: WorldPlan, wait_s: int = 20) -> WorldPlan:
    """Many symbols, short waits, no rest: orders by the dozen, and trouble in all they do."""
    settings = replace(plan.settings, leverage=2, allow_short=True)
    return replace(
        plan,
        names=(*SPOT, *PERPETUAL),
        settings=settings,
        timeframe="1m",
        trouble=1.0,
        boost={},
        shares=_SHARES,
        hourly=_HOURLY,
        lasts=_LASTS,
        funding_minutes=1,
        execution=ExecutionPolicy(maker_wait=wait_s * 1_000),
        profile=PROFILES["open"],
        calm=0.0,
        strikes=0.003,
        aim=0.03,
        gone=(*_AWAY, Fault.DNS_GONE),
        crash_share=0.0,
        disk=DiskFaults(),
        second_trader=False,
        operator_minutes=60,
        tended=True,
        third=200,
        pause_seconds=(5, 60),
        outage_seconds=(1, 5, 15),
        fence_ms=5_000,
        timeout_ms=3_000,
        glance_ms=2_000,
    )


_QUIET = {
    **_HOURLY,
    Fault.CLOCK_STEP: 4.0,
    Fault.FOREIGN_ORDER: 1.0,
    Fault.BALANCE_MOVED: 3.0,
    Fault.LIQUIDATION: 4.0,
    Fault.CLOCK_SKEW: 4.0,
    Fault.FILTERS_CHANGE: 10.0,
    Fault.STOP_LOCKS_BALANCE: 4.0,
    **dict.fromkeys(_AWAY, 0.1),
}
"""Where other things are to go wrong, and orders must come through to meet them."""


def _more(plan: WorldPlan, shares: dict[Site, float] | None = None, **hourly: float) -> WorldPlan:
    named = {Fault[name]: rate for name, rate in hourly.items()}
    return replace(plan, shares={**plan.shares, **(shares or {})}, hourly={**plan.hourly, **named})


def sending(plan: WorldPlan) -> WorldPlan:
    """What strikes an order as it is sent."""
    return _more(replace(_busy(plan, 10), hourly=_QUIET), {Site.CREATE: 0.9})


def cancelling(plan: WorldPlan) -> WorldPlan:
    """What strikes a cancellation, on its own and in a kill."""
    resting = {"PARTIAL_FILL": 0.2, "DUST_REMAINDER": 0.05, "UNASKED_CANCEL": 0.05}
    busy = _more(replace(_busy(plan, 5), hourly=_QUIET), {Site.CREATE: 0.1}, **resting)
    return replace(busy, swing=0.0005, kills=True, kill_seconds=(5, 20), minutes={"kill": 1})


def killed(plan: WorldPlan) -> WorldPlan:
    """Kills that find orders partly filled, and what strikes the cancellations that they send."""
    busy = _more(_busy(plan, 45), {Site.CREATE: 0.05, Site.CALL: 0.0, Site.READ: 0.0})
    return replace(
        busy,
        hourly={Fault.PARTIAL_FILL: 0.9},
        swing=0.0002,
        kills=True,
        kill_seconds=(3, 8),
        minutes={"kill": 60},
        aim=0.15,
        aims={"Partial": ("kill",)},
        operator=False,
    )


def reading(plan: WorldPlan) -> WorldPlan:
    """What strikes a question."""
    shares = {Site.CALL: 0.05, Site.READ: 0.05, Site.QUOTE: 0.5}
    return _more(_busy(plan), shares, BANNED_418=0.6)


def streaming(plan: WorldPlan) -> WorldPlan:
    """What strikes fills and pushes."""
    shares = {Site.FILL: 0.3, Site.PUSH: 0.6, Site.CREATE: 0.2}
    return _more(_busy(plan), shares, STREAM_FROZEN=6.0, LISTEN_KEY_EXPIRED=4.0)


def befallen(plan: WorldPlan) -> WorldPlan:
    """What happens at the exchange of itself."""
    return _more(_busy(plan), CLOCK_STEP=60, LIQUIDATION=120)


def visited(plan: WorldPlan) -> WorldPlan:
    """What other people do with the account."""
    return _more(_busy(plan), FOREIGN_ORDER=60, BALANCE_MOVED=60)


def shut(plan: WorldPlan) -> WorldPlan:
    """The exchange away, for minutes, with orders and without."""
    hourly = {"DNS_GONE": 6.0, **dict.fromkeys((one.name for one in _AWAY), 6.0)}
    busy = _more(_busy(plan), {Site.CREATE: 0.1}, **hourly)
    return replace(busy, strikes=0.2, calm=(0.0, 0.9)[plan.seed % 2])


def altered(plan: WorldPlan) -> WorldPlan:
    """Clocks that are wrong, and stops that lock what is to be sold."""
    return _more(_busy(plan), CLOCK_SKEW=120, CLOCK_STEP=60, STOP_LOCKS_BALANCE=120)


def fed(plan: WorldPlan) -> WorldPlan:
    """Bars that go wrong, with orders out of step with them that rest until the next one."""
    shares = {Site.FEED: 0.9, Site.CALL: 0.01, Site.READ: 0.0, Site.CREATE: 0.1, Site.CANCEL: 0.7}
    resting = {"PARTIAL_FILL": 0.7, "DUST_REMAINDER": 0.05, "UNASKED_CANCEL": 0.05}
    busy = replace(_busy(plan, 150), hourly=_QUIET)
    busy = _more(busy, shares, FEED_FROZEN=4.0, **resting)
    lasts = {**busy.lasts, Fault.FEED_FROZEN: (1, 3)}
    boost = {Fault.BANNED_418: 8.0}
    return replace(busy, lasts=lasts, boost=boost, fence_ms=30_000, restart_ms=(100, 300))


def protected(plan: WorldPlan) -> WorldPlan:
    """Positions with a stop at the venue, in a market that reaches it and a feed that freezes."""
    profile = RiskProfile("protected", stop_loss=3_000, trailing_stop=2_000, leverage=None)
    shares = {Site.CREATE: 0.2, Site.FEED: 0.5}
    busy = _more(replace(_busy(plan), hourly=_QUIET), shares, FEED_FROZEN=6.0)
    lasts = {**busy.lasts, Fault.FEED_FROZEN: (1, 3)}
    return replace(busy, lasts=lasts, profile=profile, swing=0.002, calm=0.5)


def at_home(plan: WorldPlan) -> WorldPlan:
    """What befalls our own machine and its people."""
    minutes = {"freeze": 1, "disk full": 1, "clock step": 1, "kill": 2, "notifier": 0.5, "crash": 5}
    return replace(
        _busy(plan),
        hourly=_QUIET,
        strikes=0.2,
        gone=(),
        crash_share=0.001,
        disk=disk(2.0),
        second_trader=True,
        kills=True,
        kill_seconds=(5, 40),
        skew_ms=plan.skew_ms or 400,
        minutes=minutes,
        operator_minutes=1,
        tended=False,
    )


def dying(plan: WorldPlan) -> WorldPlan:
    """Processes that die right after an order was taken, and what comes along with that."""
    busy = _more(replace(_busy(plan), hourly=_QUIET), {Site.CREATE: 0.1}, BANNED_418=0.5)
    away = tuple(one.value for one in _AWAY)
    return replace(
        busy,
        crash_share=0.001,
        deaths={"after create": 0.5},
        misfortunes=(*("kill",) * 14, *("ban",) * 5, *away * 2, Fault.DNS_GONE.value),
        kills=True,
        kill_seconds=(10, 40),
        swing=0.004,
        restart_ms=(200, 1_000, 5_000),
    )


KINDS: dict[str, Kind] = {
    "mixed": lambda plan: plan,
    **{
        kind.__name__.replace("_", "-"): kind
        for kind in (
            sending, cancelling, killed, reading, streaming, befallen, visited, shut, altered, fed,
            at_home, dying, protected,
        )
    },
}  # fmt: skip
"""By name; a mixed world is what its seed makes it."""

SHARES = {
    "mixed": 2,
    "sending": 8,
    "cancelling": 11,
    "killed": 5,
    "reading": 3,
    "streaming": 4,
    "befallen": 3,
    "visited": 4,
    "shut": 3,
    "altered": 2,
    "fed": 8,
    "at-home": 6,
    "dying": 4,
    "protected": 3,
}
"""How often each kind comes in a campaign."""
