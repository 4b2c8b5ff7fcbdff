"""S3: the process dies before, inside and after every commit and every call of the venue.

``python -m tests.support.dst.crash_matrix --scene unknown --policy REFUSED --point 117`` plays one
death again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from mettle.application.ports.venue import RepeatedId

from .bugs import BUGS
from .parts import Part, Scale
from .scenes import SCENES
from .sigkill import Real, killed, torments
from .stage import Stage

SESSION, OPERATOR = "session", "operator"
_CHUNK = 40
_KILLS = {Scale.SHORT: 9, Scale.CI: 50, Scale.NIGHTLY: 500, Scale.RELEASE: 500}
"""How many real processes are killed with SIGKILL."""
DOUBLED = {"I3", "I5", "I6"}
"""Invariants whose breach means that something was ordered or booked twice."""
_PAUSES = (200, 1_000, 30_000, 5_000, 70_000)
"""How long the keeper takes to start the session again, by the number of the place."""


@dataclass(frozen=True, slots=True)
class Play:
    """A scene at a venue, in which one process is to die.

    Attributes:
        victim: ``session``, or the ``operator`` whose commands the scene has.
        bug: A planted bug, or empty.
        twice: Whether it dies again, a few places after it was started again.
        files: Whether the journal is a SQLite file instead of memory.
    """

    scene: str
    policy: str
    victim: str = SESSION
    bug: str = ""
    twice: bool = False
    files: bool = False

    def command(self, point: int) -> str:
        """Return what plays one death again."""
        parts = ["python -m tests.support.dst.crash_matrix", f"--scene '{self.scene}'"]
        parts += [f"--policy {self.policy}", f"--point {point}"]
        parts += [f"--victim {self.victim}"] if self.victim != SESSION else []
        parts += [f"--bug '{self.bug}'"] if self.bug else []
        parts += [name for name, on in (("--twice", self.twice), ("--files", self.files)) if on]
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Death:
    """What came of dying at one place.

    Attributes:
        place: Such as ``before commit``.
        broken: Invariant and text of what broke.
    """

    play: Play
    point: int
    place: str
    orders: int
    broken: tuple[tuple[str, str], ...]


@dataclass
class Tally:
    """Many deaths."""

    deaths: int = 0
    orders: int = 0
    seconds: float = 0.0
    places: Counter[str] = field(default_factory=Counter)
    by_play: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[Death] = field(default_factory=list)

    def merge(self, other: Tally) -> None:
        """Add another tally to this one."""
        for name in ("deaths", "orders", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.places.update(other.places)
        self.by_play.update(other.by_play)
        self.wrong += other.wrong

    def add(self, deaths: Iterable[Death]) -> None:
        """Count more of them."""
        for one in deaths:
            self.deaths += 1
            self.orders += one.orders
            self.places[one.place] += 1
            self.by_play[one.play.scene, one.play.policy] += 1
            if one.broken:
                self.wrong.append(one)

    @property
    def doubled(self) -> int:
        """Deaths after which something was there twice."""
        return sum(any(name in DOUBLED for name, _ in one.broken) for one in self.wrong)

    @property
    def lost(self) -> int:
        """Deaths after which anything else was wrong: lost, unknown, or not as the venue has it."""
        return len(self.wrong) - self.doubled


def stage_of(play: Play) -> Stage:
    """Return the stage, not played yet."""
    scene = SCENES[play.scene]
    if play.victim == OPERATOR:
        # Who dies while he gives a command has not given it.
        scene = replace(scene, ends_flat=False)
    stage = Stage(scene, RepeatedId[play.policy], memory=not play.files)
    stage.hooks.victim = play.victim
    return stage


def places(play: Play) -> list[str]:
    """Play without a death; return every place that the victim passes, in order."""
    stage = stage_of(play)
    try:
        with _planted(play):
            stage.play()
    finally:
        stage.close()
    return list(stage.hooks.labels)


def _killed_at(play: Play, point: int) -> Stage:
    stage = stage_of(play)
    stage.pauses = (_PAUSES[point % len(_PAUSES)],)
    again = {point + 1 + point % 37} if play.twice else set()
    stage.hooks.deadly = frozenset({point} | again)
    try:
        with _planted(play):
            stage.play()
    finally:
        stage.close()
    return stage


def die_at(play: Play, point: int) -> Death:
    """Play with the victim dying at one place."""
    return _death(play, point, _killed_at(play, point))


def _death(play: Play, point: int, stage: Stage) -> Death:
    broken = tuple((one.invariant, one.text) for one in stage.oracle.violations[:5])
    place = stage.hooks.labels[point] if point < len(stage.hooks.labels) else "never"
    if place == "never":
        broken = (("crash", "the place was not passed again"), *broken)
    return Death(play, point, place, len(stage.oracle.view.orders), broken)


def _planted(play: Play) -> AbstractContextManager[None]:
    return BUGS[play.bug].planted() if play.bug else nullcontext()


def die_at_all(play: Play, points: Iterable[int]) -> list[Death]:
    """Die at each of some places."""
    return [die_at(play, point) for point in points]


def plays(*, twice: bool = False, files: bool = False) -> list[Play]:
    """Return every scene at every kind of venue, and with every victim that it has."""
    return [
        Play(name, policy.name, victim, twice=twice, files=files)
        for name, scene in SCENES.items()
        for policy in RepeatedId
        for victim in ((SESSION, OPERATOR) if scene.commands else (SESSION,))
    ]


def matrix(chosen: Iterable[Play], processes: int, every: int = 1) -> Tally:
    """Die everywhere.

    Args:
        every: Only each so-manieth place of a play, another one at each kind of venue.
    """
    began, tally = time.monotonic(), Tally()
    tasks = _tasks(chosen, every)
    if processes <= 1:
        for play, points in tasks:
            tally.add(die_at_all(play, points))
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            for deaths in pool.map(die_at_all, *zip(*tasks, strict=True)):
                tally.add(deaths)
    tally.seconds = time.monotonic() - began
    return tally


def _tasks(chosen: Iterable[Play], every: int) -> Iterator[tuple[Play, range]]:
    order = [one.name for one in RepeatedId]
    for play in chosen:
        count = len(places(play))
        first = order.index(play.policy) % every
        mine = range(first, count, every)
        for at in range(0, len(mine), _CHUNK):
            yield play, mine[at : at + _CHUNK]


def measure(scale: Scale, processes: int) -> Part:
    """Die at every place of every scene at every kind of venue; a third of them if short."""
    every = 3 if scale is Scale.SHORT else 1
    tally = matrix(plays(), processes, every)
    if scale in {Scale.NIGHTLY, Scale.RELEASE}:
        for more in (plays(files=True), plays(twice=True, files=True)):
            tally.merge(matrix(more, processes))
    real = torments(_KILLS[scale], min(3, processes + 1))
    return part_of(tally, every, real)


def part_of(tally: Tally, every: int = 1, real: Sequence[Real] = ()) -> Part:
    """Return the tally, and what became of real processes, as a part of the scoreboard."""
    lost = tally.lost + sum(len(one.lost) for one in real)
    doubled = tally.doubled + sum(len(one.doubled) for one in real)
    figures: dict[str, object] = {
        "deaths": tally.deaths,
        "places": dict(sorted(tally.places.items())),
        "sigkills": killed(real),
        "lost": lost,
        "doubled": doubled,
        "seconds": round(tally.seconds, 1),
        "share_of_places": f"1/{every}",
    }
    policies = [one.name for one in RepeatedId]
    lines = ["| scene | " + " | ".join(policies) + " |", "|---|" + "--:|" * len(policies)]
    for scene in SCENES:
        cells = " | ".join(str(tally.by_play[scene, one]) for one in policies)
        lines.append(f"| {scene} | {cells} |")
    lines += ["", "| place | deaths |", "|---|--:|"]
    lines += [f"| {place} | {count} |" for place, count in sorted(tally.places.items())]
    lines += ["", *_real_lines(real)] if real else []
    lines += [f"- {one.play.command(one.point)}: {one.broken[0]}" for one in tally.wrong[:20]]
    summary = (
        f"{tally.deaths} deaths at every commit and every call × three kinds of venue and "
        f"{killed(real)} by SIGKILL: {lost} lost, {doubled} doubled"
    )
    if every > 1:
        summary = summary.replace("at every", f"at each {every}rd place of every", 1)
    return Part(
        "crash matrix",
        figures,
        "0 lost, 0 doubled, books equal to the venue's",
        not (lost or doubled) and tally.deaths > 0,
        summary,
        lines,
        [one.play.command(one.point) for one in tally.wrong],
    )


def _real_lines(real: Sequence[Real]) -> list[str]:
    lines = ["| real processes | SIGKILLs | orders | fills |", "|---|--:|--:|--:|"]
    lines += [f"| {one.policy} | {killed([one])} | {one.orders} | {one.fills} |" for one in real]
    return lines + [f"- {text}" for one in real for text in (*one.lost, *one.doubled)][:20]


def main() -> int:
    """Play one death, print what broke and the last lines of the trace; exit 1 if it broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.dst.crash_matrix")
    parser.add_argument("--scene", choices=sorted(SCENES), required=True)
    parser.add_argument("--policy", choices=[one.name for one in RepeatedId], required=True)
    parser.add_argument("--point", type=int, required=True)
    parser.add_argument("--victim", choices=[SESSION, OPERATOR], default=SESSION)
    parser.add_argument("--bug", default="")
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--tail", type=int, default=60, help="lines of the trace to print")
    given = parser.parse_args()
    play = Play(given.scene, given.policy, given.victim, given.bug, given.twice, given.files)
    stage = _killed_at(play, given.point)
    death = _death(play, given.point, stage)
    sys.stdout.write("".join(stage.scheduler.tail[-given.tail :] if given.tail else []))
    for name, text in death.broken:
        sys.stdout.write(f"{name}: {text}\n")
    sys.stdout.write(f"died {death.place}: {'broken' if death.broken else 'came right'}\n")
    return 1 if death.broken else 0


if __name__ == "__main__":
    sys.exit(main())
