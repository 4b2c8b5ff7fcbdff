"""S1: simulated events by the million, every fault often and in every state, no violation."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator

from mettle.adapters.venues.exchange import Fault

from . import cells
from .campaign import Trial, campaign, shrink
from .kinds import SHARES
from .parts import Part, Scale
from .play import FAULTS, play
from .report import Report

EVENTS = {
    Scale.SHORT: 60_000,
    Scale.CI: 1_000_000,
    Scale.NIGHTLY: 10_000_000,
    Scale.RELEASE: 10_000_000,
}
WORLD_EVENTS = 14_000
"""Events of trouble in each world; the calm comes on top."""
_MORE = 5
"""A fifth more events at most, for pairs that chance has shown too seldom."""
_ROUND = 24
"""How many worlds are played before it is counted again."""


def trials(first: int = 0) -> Iterator[Trial]:
    """Yield worlds without end: seed after seed, each kind as often as its share says."""
    turns = [kind for kind, share in SHARES.items() for _ in range(share)]
    step = 7
    for seed in itertools.count(first):
        kind = turns[seed * step % len(turns)]
        yield Trial(seed, WORLD_EVENTS, kind=kind)


class Yields:
    """Which kind of world shows a pair of fault and state most often, as the worlds played say."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Report] = {}

    def heard(self, report: Report) -> None:
        """Take note of a world, and say at once what went wrong in it."""
        for seed in report.traces:
            self._by_kind.setdefault(trial(seed).kind, Report()).add(report)
        _say(report)

    def best(self, pair: tuple[str, str]) -> str:
        """Return the kind that shows a pair most often an event."""

        def rate(kind: str) -> float:
            found = self._by_kind[kind]
            return found.cells[pair] / found.events

        return max(sorted(self._by_kind), key=rate)


def top_up(
    player: Callable[[Trial], Report],
    report: Report,
    yields: Yields,
    processes: int,
    *,
    least: int,
    most: int,
) -> None:
    """Play on, in worlds of the kinds that show what was seen too seldom, until it was seen enough.

    Args:
        report: Of what was played; what comes is added.
        least: How often each pair that there can be is to be seen.
        most: How many events there may be in all.
    """
    following = trials(max(report.traces) + 1)
    while report.events < most and not report.broken:
        thin = [one for one in cells.applicable() if report.cells[one] < least]
        kinds = {yields.best(one) for one in thin}
        if not kinds:
            return
        fitting = (one for one in following if one.kind in kinds)
        more = itertools.islice(fitting, _ROUND)
        report.add(campaign(player, more, processes, most - report.events, yields.heard))


def trial(seed: int) -> Trial:
    """Return the world of a seed."""
    return next(trials(seed))


def measure(scale: Scale, processes: int, first: int = 0, events: int | None = None) -> Part:
    """Play worlds until there were enough events, and each pair was seen as often as is asked for.

    Args:
        first: The first seed; a night that begins where the last one ended sees new worlds.
        events: How many, if not as many as the scale says.
    """
    began = time.perf_counter()
    wanted, demand, yields = events or EVENTS[scale], _DEMANDS[scale], Yields()
    report = campaign(play, trials(first), processes, wanted, yields.heard)
    if demand is not None and demand.pair:
        most = wanted + wanted // _MORE
        top_up(play, report, yields, processes, least=demand.pair, most=most)
    return judged(report, scale, processes, time.perf_counter() - began)


def judged(report: Report, scale: Scale, processes: int, seconds: float) -> Part:
    """Hold what was seen against what was promised."""
    demand = _DEMANDS[scale]
    lacking = cells.short_of(report, demand) if demand else cells.strange(report)
    pairs = cells.applicable()
    seen = sum(report.cells[one] >= cells.WHOLE.pair for one in pairs)
    struck = [report.fired[one.value] for one in Fault]
    often = sum(one >= cells.WHOLE.firings for one in struck)
    rate = round(report.events / seconds)
    return Part(
        "events",
        {
            **report.to_json(),
            "processes": processes,
            "wall_seconds": round(seconds, 1),
            "events_per_second": rate,
            "events_per_second_and_process": round(report.events / report.seconds),
            "load_average": round(os.getloadavg()[0], 2),
            "pairs": len(pairs),
            "pairs_seen_10_times": seen,
            "pairs_seen": sum(report.cells[one] > 0 for one in pairs),
            "faults_struck_1000_times": often,
            "fault_struck_least": min(struck),
            "lacking": lacking,
        },
        _target(scale, demand),
        not report.broken and not lacking,
        f"{len(report.broken)} violations in {report.events:,} events, {report.orders:,} orders, "
        f"{report.fills:,} fills, {report.restarts:,} restarts; each fault struck at least "
        f"{min(struck)} times, {often} of {len(struck)} 1,000 times; {seen} of {len(pairs)} pairs "
        f"seen 10 times; {rate:,} events/s with {processes} processes",
        [*cells.table(report), "", *cells.reasons(), *(f"- lacking: {one}" for one in lacking)],
        _commands(list(dict.fromkeys(seed for seed, _ in report.broken))),
    )


_DEMANDS = {
    Scale.SHORT: None,
    Scale.CI: cells.PUSH,
    Scale.NIGHTLY: cells.WHOLE,
    Scale.RELEASE: cells.WHOLE,
}


def _target(scale: Scale, demand: cells.Demand | None) -> str:
    text = f"0 violations in {EVENTS[scale]:,} events"
    if demand is None:
        return text
    text += f", each fault {demand.firings:,} times"
    return f"{text}, each pair of fault and state {demand.pair} times" if demand.pair else text


def _say(report: Report) -> None:
    for seed, violation in report.broken:
        sys.stderr.write(f"violation: {violation}\n  again: {trial(seed).command}\n")
        sys.stderr.flush()


def _commands(seeds: list[int]) -> list[str]:
    """Return what shows the violations again; the first with as little as it takes."""
    if not seeds:
        return []
    broken = [trial(seed) for seed in seeds]
    return [shrink(play, broken[0], FAULTS).command, *(one.command for one in broken[1:])]
