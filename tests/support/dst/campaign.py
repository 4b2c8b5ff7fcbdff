"""Many worlds: over seeds and processes, until enough events have passed."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from .report import Report

Player = Callable[["Trial"], Report]


@dataclass(frozen=True, slots=True)
class Trial:
    """One world to play.

    Attributes:
        events: After so many events the faults end, and the calm is judged.
        without: Faults that are switched off, for shrinking.
        bug: A planted bug, or empty.
        kind: What the world is biased to, see ``kinds``.
        planted: Whether the bug is there; without it its worlds are played all the same.
        calm: Whether the faults end at last, and the end is judged.
    """

    seed: int
    events: int = 10_000
    without: tuple[str, ...] = ()
    bug: str = ""
    kind: str = "mixed"
    planted: bool = True
    calm: bool = True

    @property
    def command(self) -> str:
        """The one command that plays it again."""
        parts = ["python -m tests.support.dst", f"--seed {self.seed}", f"--events {self.events}"]
        if self.kind != "mixed":
            parts.append(f"--kind {self.kind}")
        if self.without:
            parts.append(f"--without '{','.join(self.without)}'")
        if self.bug:
            parts.append(f"--bug '{self.bug}'")
        if not self.planted:
            parts.append("--unplanted")
        if not self.calm:
            parts.append("--no-calm")
        return " ".join(parts)


_TASKS = 40
"""How many items a process works on before another takes its place."""


def campaign(
    player: Player,
    trials: Iterable[Trial],
    processes: int = 1,
    events: int | None = None,
    heard: Callable[[Report], None] | None = None,
) -> Report:
    """Play trials in their order, all or until there are enough events, and return the sum.

    What is added up depends on the trials alone, not on how fast which process is.

    Args:
        heard: Told each world's report as it comes: a night is long, and a violation early in it
            should not wait for the end.
    """
    total = Report()
    for report in in_order(player, trials, processes):
        total.add(report)
        if heard is not None:
            heard(report)
        if events is not None and total.events >= events:
            break
    total.broken.sort(key=lambda one: (one[0], one[1].event))
    return total


Item = TypeVar("Item")
Found = TypeVar("Found")


def in_order(
    work: Callable[[Item], Found], items: Iterable[Item], processes: int
) -> Iterator[Found]:
    """Yield what ``work`` makes of each item, in their order, from processes of its own.

    Whoever stops listening ends the rest.
    """
    if processes <= 1:
        yield from map(work, items)
        return
    waiting = iter(items)
    while batch := list(itertools.islice(waiting, _TASKS * processes)):
        # Processes of long lives keep what garbage worlds leave; and the pool's own way to replace
        # them can stand still (https://github.com/python/cpython/issues/115634).
        yield from _batch(work, batch, processes)


def _batch(work: Callable[[Item], Found], items: Sequence[Item], processes: int) -> Iterator[Found]:
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    running: deque[Future[Found]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) >= 3 * processes:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def shrink(player: Player, trial: Trial, faults: Iterable[str]) -> Trial:
    """Return the smallest trial found that still breaks the same invariant.

    First the events after the violation go, then one kind of fault after the other.
    """
    broken = player(trial).broken
    if not broken:
        return trial
    invariant = broken[0][1].invariant

    def same(candidate: Trial) -> bool:
        return any(one.invariant == invariant for _, one in player(candidate).broken)

    shorter = replace(trial, events=min(trial.events, broken[0][1].event + 1))
    best = shorter if same(shorter) else trial
    for fault in faults:
        candidate = replace(best, without=(*best.without, fault))
        if same(candidate):
            best = candidate
    found = player(best).broken
    shortest = replace(best, events=min(best.events, found[0][1].event + 1))
    return shortest if same(shortest) else best
