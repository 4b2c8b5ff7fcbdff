"""Looking for planted bugs: how many events until the oracle sees each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .bugs import BUGS
from .campaign import Trial, in_order
from .play import play

WORLD_EVENTS = 6_000
"""Events of trouble in each world; the calm comes on top."""
MOST = 50_000
"""Within how many events a bug must be found."""


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of the hunt for one bug.

    Attributes:
        by: The invariants that broke, in order; empty if none did.
        events: How many events it took, over all worlds.
        command: What shows it again.
        innocent: Whether the world in which it was found is sound without the bug.
    """

    bug: str
    rule: str
    by: tuple[str, ...]
    events: int
    text: str = ""
    command: str = ""
    innocent: bool = True


def hunt(key: str, most: int = MOST) -> Catch:
    """Play worlds with a bug planted until something breaks, then the last one without it."""
    bug, events, seed = BUGS[key], 0, 0
    while events < most:
        trial = Trial(seed, WORLD_EVENTS, bug=key)
        report = play(trial)
        events += report.events
        if report.broken:
            by = tuple(dict.fromkeys(one.invariant for _, one in report.broken))
            first = report.broken[0][1]
            innocent = not play(_without(trial, first.event)).broken
            return Catch(key, bug.rule, by, events, first.text, trial.command, innocent)
        seed += 1
    return Catch(key, bug.rule, (), events)


def _without(trial: Trial, event: int) -> Trial:
    """Return the same world without the bug, up to where it was found."""
    calm = event > trial.events
    return replace(trial, planted=False, calm=calm, events=min(trial.events, event + 1))


def hunt_all(keys: Iterable[str], processes: int = 2) -> Iterator[Catch]:
    """Hunt for many, in their order."""
    yield from in_order(hunt, keys, processes)
