"""Fault × state of the order it strikes: which pairs there can be, by what each fault is.

An order has a state here while it may be live; ``idle`` is everything else: no order of ours is
live, or what is struck concerns none. Whether a pair can be follows from where its fault strikes,
never from what was seen: a pair that is called impossible and fires all the same is an error. What
takes two traders, one of whom has just lost the lease, is neither demanded nor an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mettle.adapters.venues.exchange import Fault
from mettle.adapters.venues.exchange.faults import CATALOGUE, Site

from .report import Report

STATES = ("idle", "Submitting", "Open", "Partial", "Cancelling", "Unknown")
"""The columns."""
LIVE = STATES[1:]


@dataclass(frozen=True)
class Demand:
    """How often what must be seen.

    Attributes:
        firings: How often each fault must strike.
        pair: How often each pair that there can be must be seen.
    """

    firings: int
    pair: int


WHOLE = Demand(1_000, 10)
"""What a night has events enough for."""
PUSH = Demand(100, 0)
"""What a million events are held to; how far they come towards the whole is shown."""


_SENT = (
    "what is being sent was written down as Submitting, and is nothing else until it is answered"
)
_ONE_AT_A_TIME = (
    "a session does one thing at a time: between writing and its answer it asks for nothing else, "
    "and a new life turns Submitting into Unknown before it asks for more than the time; a trader "
    "that has just lost the lease may still ask"
)
_NO_STRANGERS = "strikes an order of ours alone"

_SITES: Mapping[Site, Mapping[str, str]] = {
    Site.CALL: {},
    Site.READ: {},
    Site.CREATE: dict.fromkeys(("idle", "Open", "Partial", "Cancelling", "Unknown"), _SENT),
    Site.CANCEL: {"idle": "only an order of ours that may be live is cancelled"},
    Site.HISTORY: {"Submitting": _ONE_AT_A_TIME},
    Site.QUOTE: {"Submitting": _ONE_AT_A_TIME},
    Site.FEED: {"Submitting": _ONE_AT_A_TIME},
    Site.FILL: {},
    Site.PUSH: {},
    Site.RESTING: {"idle": _NO_STRANGERS},
    Site.LASTING: {},
    Site.EVENT: {},
    Site.FOLLOWS: {},
}
"""Site → state → why a fault of the site cannot strike in it."""

_OWN: Mapping[Fault, Mapping[str, str]] = {
    Fault.FEED_FROZEN: {"Submitting": _ONE_AT_A_TIME},
}
"""Faults that differ from their site."""


def impossible(fault: str) -> Mapping[str, str]:
    """Return the states that a fault cannot strike in, and why."""
    try:
        known = Fault(fault)
    except ValueError:
        return _WORLD.get(fault, {})
    return _OWN.get(known, _SITES[CATALOGUE[known].site])


_WRITE_AHEAD = dict.fromkeys(
    ("idle", "Open", "Partial", "Cancelling", "Unknown"),
    "strikes between writing and sending, when the order is Submitting",
)
_WORLD: Mapping[str, Mapping[str, str]] = {
    "freeze between writing and sending": _WRITE_AHEAD,
    "kill between writing and sending": _WRITE_AHEAD,
    "disk full between writing and sending": _WRITE_AHEAD,
    "request arrives after its sender died": _WRITE_AHEAD,
}
"""Faults of the world."""

WORLD = (
    *_WORLD,
    "process killed",
    "database fails",
    "world: freeze",
    "world: disk full",
    "world: clock step",
    "world: operator",
    "world: kill",
    "world: notifier",
    "world: second trader",
)
"""Faults of the world that are counted beside the venue's."""


def applicable() -> list[tuple[str, str]]:
    """Return every pair that there can be."""
    faults = [*(one.value for one in Fault), *WORLD]
    return [(one, state) for one in faults for state in STATES if state not in impossible(one)]


def short_of(report: Report, demand: Demand) -> list[str]:
    """Return what was not seen often enough, and what should never have been seen."""
    faults = [*(one.value for one in Fault), *WORLD]
    seldom = [
        f"{one}: struck {report.fired[one]}"
        for one in faults
        if report.fired[one] < (demand.pair if one in _WORLD else demand.firings)
    ]
    thin = [
        f"{one} × {state}: {report.cells[one, state]}"
        for one, state in applicable()
        if report.cells[one, state] < demand.pair
    ]
    return [*strange(report), *seldom, *thin]


def strange(report: Report) -> list[str]:
    """Return the pairs that fired and are called impossible: then the table here is wrong."""
    return [
        f"{one} × {state}: {count}, called impossible"
        for (one, state), count in sorted(report.cells.items())
        if state not in STATES or impossible(one).get(state, _ONE_AT_A_TIME) != _ONE_AT_A_TIME
    ]


def table(report: Report) -> list[str]:
    """Return fault × state as Markdown; ``×`` marks what cannot be."""
    lines = [f"| fault | struck | {' | '.join(STATES)} |", "|---|--:|" + "--:|" * len(STATES)]
    for fault in [*(one.value for one in Fault), *WORLD]:
        never = impossible(fault)
        seen = {one: report.cells[fault, one] for one in STATES}
        cells = (str(n) if n or one not in never else "×" for one, n in seen.items())
        lines.append(f"| {fault} | {report.fired[fault]} | {' | '.join(cells)} |")
    return lines


def reasons() -> list[str]:
    """Return why pairs marked ``×`` cannot be, as Markdown."""
    why: dict[str, list[str]] = {}
    for fault in [*(one.value for one in Fault), *WORLD]:
        for state, reason in impossible(fault).items():
            why.setdefault(reason, []).append(f"{fault} × {state}")
    return [f"- {reason}: {len(pairs)} pairs" for reason, pairs in why.items()]
