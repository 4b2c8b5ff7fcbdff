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

from .plan import PERPETUAL, PROFILES, SPOT, WorldPlan, disk
from .storage import DiskFaults

Kind = Callable[[WorldPlan], WorldPlan]

_AWAY = (Fault.MAINTENANCE_503, Fault.EMPTY_BODY, Fault.HTML_BODY)
_SHARES = {
    Site.CALL: 0.01,
    Site.CREATE: 0.75,
    Site.CANCEL: 0.9,
    Site.READ: 0.02,
    Site.HISTORY: 0.1,
    Site.QUOTE: 0.1,
    Site.FILL: 0.15,
    Site.PUSH: 0.3,
    Site.FEED: 0.05,
}
_HOURLY = {
    Fault.PARTIAL_FILL: 0.35,
    Fault.DUST_REMAINDER: 0.3,
    Fault.UNASKED_CANCEL: 0.25,
    Fault.CLOCK_STEP: 12.0,
    Fault.FOREIGN_ORDER: 6.0,
    Fault.BALANCE_MOVED: 10.0,
    Fault.LIQUIDATION: 20.0,
    Fault.FUNDING_PAID: 40.0,
    Fault.FUNDING_RECEIVED: 40.0,
    Fault.CLOCK_SKEW: 20.0,
    Fault.FEE_IN_BASE: 40.0,
    Fault.FEE_IN_THIRD: 40.0,
    Fault.FILTERS_CHANGE: 40.0,
    Fault.STOP_LOCKS_BALANCE: 20.0,
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
    **dict.fromkeys(_AWAY, (1, 2)),
}


def _busy(plan: WorldPlan, wait_s: int = 20) -> WorldPlan:
    """Many symbols, short waits, no rest: orders by the dozen, and trouble in all they do."""
    settings = replace(plan.settings, leverage=2, allow_short=True)
    return replace(
        plan,
        names=(*SPOT[:8], *PERPETUAL),
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
        strikes=0.0,
        crash_share=0.0,
        disk=DiskFaults(),
        second_trader=False,
        operator_minutes=60,
        tended=True,
        third=200,
        pause_seconds=(5, 60),
        outage_seconds=(1, 5, 15),
    )


def _more(plan: WorldPlan, shares: dict[Site, float] | None = None, **hourly: float) -> WorldPlan:
    named = {Fault[name]: rate for name, rate in hourly.items()}
    return replace(plan, shares={**plan.shares, **(shares or {})}, hourly={**plan.hourly, **named})


def sending(plan: WorldPlan) -> WorldPlan:
    """What strikes an order as it is sent."""
    return _more(_busy(plan, 10), {Site.CREATE: 0.9})


def cancelling(plan: WorldPlan) -> WorldPlan:
    """What strikes a cancellation, on its own and in a kill."""
    resting = dict.fromkeys(("PARTIAL_FILL", "DUST_REMAINDER", "UNASKED_CANCEL"), 0.1)
    busy = _more(_busy(plan, 5), {Site.CREATE: 0.2}, **resting)
    return replace(busy, swing=0.0005, kills=True, kill_seconds=(5, 20), minutes={"kill": 2})


def reading(plan: WorldPlan) -> WorldPlan:
    """What strikes a question."""
    shares = {Site.CALL: 0.05, Site.READ: 0.05, Site.QUOTE: 0.35}
    return _more(_busy(plan), shares, BANNED_418=0.6)


def streaming(plan: WorldPlan) -> WorldPlan:
    """What strikes fills and pushes."""
    shares = {Site.FILL: 0.3, Site.PUSH: 0.3}
    return _more(_busy(plan), shares, STREAM_FROZEN=4.0, LISTEN_KEY_EXPIRED=2.0)


def befallen(plan: WorldPlan) -> WorldPlan:
    """What happens at the exchange of itself."""
    return _more(_busy(plan), CLOCK_STEP=60, LIQUIDATION=120)


def visited(plan: WorldPlan) -> WorldPlan:
    """What other people do with the account."""
    return _more(_busy(plan), FOREIGN_ORDER=40, BALANCE_MOVED=60)


def shut(plan: WorldPlan) -> WorldPlan:
    """The exchange away, for minutes and for an hour."""
    hourly = {"DNS_GONE": 0.6, **dict.fromkeys((one.name for one in _AWAY), 6.0)}
    return _more(_busy(plan), {}, **hourly)


def altered(plan: WorldPlan) -> WorldPlan:
    """Clocks that are wrong, and stops that lock what is to be sold."""
    return _more(_busy(plan), CLOCK_SKEW=120, CLOCK_STEP=60, STOP_LOCKS_BALANCE=120)


def fed(plan: WorldPlan) -> WorldPlan:
    """Bars that go wrong, with orders that rest until the next one."""
    busy = _more(_busy(plan, 150), {Site.FEED: 0.97}, FEED_FROZEN=2.0)
    return replace(busy, restart_ms=(100, 300))


def at_home(plan: WorldPlan) -> WorldPlan:
    """What befalls our own machine and its people."""
    minutes = {"freeze": 1, "disk full": 1, "clock step": 1, "kill": 2, "notifier": 0.5, "crash": 5}
    return replace(
        _busy(plan),
        strikes=0.2,
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
    busy = _more(_busy(plan), {Site.CALL: 0.03, Site.READ: 0.2}, BANNED_418=0.5)
    away = tuple(one.value for one in _AWAY)
    return replace(
        busy,
        crash_share=0.0005,
        deaths={"after create": 0.5},
        misfortunes=(*("kill",) * 14, *("ban",) * 5, *away * 2, Fault.DNS_GONE.value),
        kills=True,
        kill_seconds=(10, 40),
        restart_ms=(200, 1_000, 5_000),
    )


KINDS: dict[str, Kind] = {
    "mixed": lambda plan: plan,
    **{
        kind.__name__.replace("_", "-"): kind
        for kind in (
            sending, cancelling, reading, streaming, befallen, visited, shut, altered, fed,
            at_home, dying,
        )
    },
}  # fmt: skip
"""By name; a mixed world is what its seed makes it."""

SHARES = {
    "mixed": 1,
    "sending": 6,
    "cancelling": 8,
    "reading": 3,
    "streaming": 2,
    "befallen": 3,
    "visited": 4,
    "shut": 2,
    "altered": 3,
    "fed": 6,
    "at-home": 6,
    "dying": 4,
}
"""How often each kind comes in a campaign."""
