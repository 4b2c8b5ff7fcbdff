"""One queue of events in simulated time; every actor is a greenlet that runs until it waits.

At one moment exactly one actor runs. It gives way only where it waits for time (a clock's sleep, a
call's latency, a commit's), so a run is a function of its seed.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from greenlet import getcurrent, greenlet

from .chance import Chance


class Crash(BaseException):
    """The process is gone: not an error that anything may handle."""


@dataclass(eq=False)
class Actor:
    """Something that acts of its own: a process, a person.

    Attributes:
        lives: How often it was started.
        frozen_until: It does not run before then, whatever it waited for.
        due: What it waits for.
        waits: How often it gave way: a wake-up of an earlier wait is none.
        doomed: It dies where it next wakes or calls.
    """

    name: str
    body: Callable[[], None]
    lives: int = 0
    alive: bool = False
    doomed: bool = False
    frozen_until: int = 0
    due: int = 0
    waits: int = 0
    thread: greenlet | None = field(default=None, repr=False)


Ending = Callable[[Actor, BaseException | None], None]


class Scheduler:
    """Runs actors and timed calls in order of simulated time.

    Args:
        chance: Decides who goes first at one instant.
        start_ms: The first instant, Unix milliseconds.
    """

    def __init__(self, chance: Chance, start_ms: int) -> None:
        self.now = start_ms
        self.start = start_ms
        self.events = 0
        self.after_event: Callable[[str], None] = lambda _: None
        self.on_end: Ending = lambda *_: None
        self._order = chance.stream("scheduler")
        self._queue: list[tuple[int, float, int, str, Callable[[], None]]] = []
        self._added = 0
        self._hub = getcurrent()
        self._running: Actor | None = None
        self._trace = hashlib.sha256()
        self.tail: list[str] = []

    @property
    def trace(self) -> str:
        """SHA-256 over everything that was noted, in order."""
        return self._trace.hexdigest()

    @property
    def running(self) -> Actor | None:
        """The actor whose turn it is; None between turns."""
        return self._running

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now} {text}\n"
        self._trace.update(line.encode())
        self.tail.append(line)
        if len(self.tail) > 4000:
            del self.tail[:2000]

    def at(self, time_ms: int, label: str, call: Callable[[], None]) -> None:
        """Call ``call`` at ``time_ms``, or now if that is past."""
        self._added += 1
        entry = (max(time_ms, self.now), self._order.random(), self._added, label, call)
        heapq.heappush(self._queue, entry)

    def start_actor(self, actor: Actor, at: int | None = None) -> None:
        """Begin a life of ``actor``; a life that still runs goes on."""
        self.at(self.now if at is None else at, f"start {actor.name}", lambda: self._begin(actor))

    def wait_until(self, time_ms: int) -> None:
        """Give way until ``time_ms``; only inside an actor, others move time at once."""
        actor = self._running
        if actor is None or getcurrent() is not actor.thread:
            self.now = max(self.now, time_ms)
            return
        self.check(actor)
        actor.due = time_ms
        actor.waits += 1
        self._wake_at(time_ms, actor)
        self._running = None
        self._hub.switch()
        self.check(actor)

    def check(self, actor: Actor) -> None:
        """Die here if the actor is to die.

        Raises:
            Crash: If so.
        """
        if actor.doomed:
            raise Crash(actor.name)

    def kill(self, actor: Actor) -> None:
        """Let ``actor`` die where it stands."""
        if not actor.alive or actor.thread is None:
            return
        actor.doomed = True
        if self._running is not actor:
            self._switch(actor)

    def freeze(self, actor: Actor, until: int) -> None:
        """Stop ``actor`` like a SIGSTOP: it wakes at ``until`` and finds the world moved on."""
        actor.frozen_until = max(actor.frozen_until, until)

    def thaw(self, actor: Actor) -> None:
        """Let a stopped ``actor`` go on, like a SIGCONT."""
        if actor.alive and actor.frozen_until > self.now:
            actor.frozen_until = 0
            actor.waits += 1
            self._wake_at(actor.due, actor)

    def run(self, *, events: int | None = None, until: int | None = None) -> None:
        """Run so many events, or until that time, or until nothing is left."""
        done = 0
        while self._queue and (events is None or done < events):
            if until is not None and self._queue[0][0] > until:
                self.now = max(self.now, until)
                return
            time_ms, _, _, label, call = heapq.heappop(self._queue)
            self.now = max(self.now, time_ms)
            self.events += 1
            done += 1
            self.note(label)
            call()
            self.after_event(label)

    def _begin(self, actor: Actor) -> None:
        if actor.alive:
            return
        actor.lives += 1
        actor.alive, actor.doomed, actor.frozen_until = True, False, 0
        actor.thread = greenlet(actor.body, parent=self._hub)
        self._switch(actor)

    def _wake_at(self, time_ms: int, actor: Actor) -> None:
        life, wait = actor.lives, actor.waits
        self.at(time_ms, actor.name, lambda: self._wake(actor, life, wait))

    def _wake(self, actor: Actor, life: int, wait: int) -> None:
        if not actor.alive or (actor.lives, actor.waits) != (life, wait):
            return
        if actor.frozen_until > self.now and not actor.doomed:
            self._wake_at(actor.frozen_until, actor)
            return
        self._switch(actor)

    def _switch(self, actor: Actor) -> None:
        thread = actor.thread
        if thread is None:
            return
        before, self._running = self._running, actor
        ended: BaseException | None = None
        try:
            thread.switch()
        except Crash as crash:
            ended = crash
        except Exception as error:  # noqa: BLE001  a dead process, reported to its keeper
            ended = error
        finally:
            self._running = before
        if thread.dead:
            actor.alive, actor.thread = False, None
            what = "end" if ended is None else type(ended).__name__
            self.note(f"{actor.name} {what}")
            self.on_end(actor, ended)
