"""Many worlds: over seeds and processes, until enough events have passed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace

from .report import Report

Player = Callable[["Trial"], Report]


@dataclass(frozen=True, slots=True)
class Trial:
    """One world to play.

    Attributes:
        events: After so many events the faults end, and the calm is judged.
        without: Faults that are switched off, for shrinking.
        variant: What trades: ``session``, ``desk``.
        bug: A planted bug, or empty.
    """

    seed: int
    events: int = 10_000
    without: tuple[str, ...] = ()
    variant: str = "session"
    bug: str = ""

    @property
    def command(self) -> str:
        """The one command that plays it again."""
        parts = ["python -m tests.support.dst", f"--seed {self.seed}", f"--events {self.events}"]
        if self.variant != "session":
            parts.append(f"--variant {self.variant}")
        if self.without:
            parts.append(f"--without '{','.join(self.without)}'")
        if self.bug:
            parts.append(f"--bug '{self.bug}'")
        return " ".join(parts)


def campaign(player: Player, trials: Iterable[Trial], processes: int = 1) -> Report:
    """Play every trial and return the sum; the order of adding up does not depend on speed."""
    total = Report()
    for report in _played(player, trials, processes):
        total.add(report)
    total.broken.sort(key=lambda one: (one[0], one[1].event))
    return total


def _played(player: Player, trials: Iterable[Trial], processes: int) -> Iterator[Report]:
    if processes <= 1:
        yield from map(player, trials)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=64) as pool:
        running: set[Future[Report]] = set()
        for trial in trials:
            running.add(pool.submit(player, trial))
            if len(running) >= 2 * processes:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        yield from (one.result() for one in running)


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
