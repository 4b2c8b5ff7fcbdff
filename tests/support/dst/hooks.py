"""The places where a process can die: before and after each commit and each call of the venue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .chance import Chance
from .scheduler import Actor, Crash, Scheduler


@dataclass
class Hooks:
    """Counts the places as they are passed and lets processes die at chosen ones.

    Attributes:
        share: In how many of the places a process dies by chance.
        shares: The same for some places of their own.
        victim: Which process the exact places count for.
        deadly: Places at which the victim dies, counted from 0 over all its lives.
        die: How it dies; raises unless the process is a real one.
    """

    scheduler: Scheduler
    chance: Chance
    share: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    victim: str = "session"
    deadly: frozenset[int] = frozenset()
    die: Callable[[str], None] | None = None
    struck: Callable[[str], None] = lambda _: None
    passed: int = 0
    labels: list[str] = field(default_factory=list)
    covered: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    def point(self, actor: Actor, label: str) -> None:
        """Pass a place.

        Raises:
            Crash: If the process dies here.
        """
        self.scheduler.check(actor)
        self.covered[label] += 1
        if actor.name == self.victim:
            index, self.passed = self.passed, self.passed + 1
            self.labels.append(label)
            if index in self.deadly:
                self._die(actor, label)
        share = self.shares.get(label, self.share)
        if share and self.chance.hit(f"crash {actor.name}", share):
            self._die(actor, label)

    def _die(self, actor: Actor, label: str) -> None:
        self.killed[label] += 1
        self.struck(label)
        self.scheduler.note(f"{actor.name} dies {label}")
        if self.die is not None:
            self.die(label)
        actor.doomed = True
        raise Crash(f"{actor.name} {label}")
