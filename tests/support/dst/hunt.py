"""Looking for planted bugs: how many events until the oracle sees each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from .bugs import BUGS
from .campaign import Trial
from .play import play

WORLD_EVENTS = 6_000
"""Events of trouble in each world; the calm comes on top."""


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of the hunt for one bug.

    Attributes:
        by: The invariants that broke, in order; empty if none did.
        events: How many events it took, over all worlds.
        command: What shows it again.
    """

    bug: str
    rule: str
    by: tuple[str, ...]
    events: int
    text: str = ""
    command: str = ""


def hunt(key: str, most: int = 50_000) -> Catch:
    """Play worlds with a bug planted until something breaks."""
    bug, events, seed = BUGS[key], 0, 0
    while events < most:
        trial = Trial(seed, WORLD_EVENTS, bug=key)
        report = play(trial)
        events += report.events
        if report.broken:
            by = tuple(dict.fromkeys(one.invariant for _, one in report.broken))
            return Catch(key, bug.rule, by, events, report.broken[0][1].text, trial.command)
        seed += 1
    return Catch(key, bug.rule, (), events)


def hunt_all(keys: Iterable[str], processes: int = 2) -> Iterator[Catch]:
    """Hunt for many, in their order."""
    if processes <= 1:
        yield from map(hunt, keys)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(hunt, keys)
