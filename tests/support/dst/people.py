"""What happens to a world from outside the venue: people, signals, machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mettle.adapters.system import SequentialIds
from mettle.adapters.venues.exchange import Fault
from mettle.application.control import (
    Command,
    ControlGear,
    KillGear,
    KillOrder,
    issue_command,
    kill,
    rearm,
)
from mettle.application.journal import ControlVerb
from mettle.domain.errors import MettleError

from .clock import SimulatedWorldClock
from .plan import MINUTE
from .scheduler import Actor
from .storage import ProcessStore

if TYPE_CHECKING:
    from .world import World

OPERATOR = "operator"
DEATH = "process killed"
_SECOND = 1_000
_TRIES = 30
_UNCOUNTED = {"crash", "tending"}
"""Deaths are counted where they happen, and looking after an account is no fault."""


class People:
    """Plans and carries out the faults outside the venue, and rules the account by hand."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.chance.stream("people")
        self._ids = SequentialIds()
        self._quiet = False
        self._acts: dict[str, Callable[[], None]] = {}
        world.clocks[OPERATOR] = SimulatedWorldClock(world.scheduler, least_ms=world.plan.glance_ms)

    def begin(self) -> None:
        """Plan the first of each kind."""
        plan = self._world.plan
        for label, wanted, minutes, call in self._kinds():
            if wanted and plan.has(label):
                self._acts[label] = call
                self._later(label, plan.minutes.get(label, minutes))

    def _kinds(self) -> tuple[tuple[str, bool, float, Callable[[], None]], ...]:
        plan = self._world.plan
        return (
            ("freeze", plan.freezes, 10, self._freeze),
            ("disk full", bool(plan.disk.full), 30, self._disk_full),
            ("clock step", bool(plan.skew_ms), 30, self._clock_step),
            ("operator", plan.operator, plan.operator_minutes, self._operate),
            ("tending", plan.tended, 1, self._tend),
            ("kill", plan.kills, 60, self._kill),
            ("notifier", True, 60, self._hang),
            ("crash", bool(plan.crash_share), 20, self._kill_process),
        )

    @property
    def is_quiet(self) -> bool:
        """Whether the faults have ended."""
        return self._quiet

    def labels(self) -> list[str]:
        """Return what they can do in this world now, tending apart: nobody kills what is killed."""
        killed = self._world.kill_switch.reason(self._account) is not None
        return [
            label for label in self._acts if label != "tending" and not (label == "kill" and killed)
        ]

    def strike(self, label: str) -> None:
        """Do something now, besides when it comes of itself."""
        if label not in _UNCOUNTED:
            self._world.struck(f"world: {label}")
        self._acts[label]()

    def _later(self, label: str, minutes: float) -> None:
        """Do something again and again, after a time of about ``minutes`` each."""
        world = self._world
        wait = int(self._random.expovariate(1 / (minutes * MINUTE))) + _SECOND

        def act() -> None:
            if not self._quiet:
                self.strike(label)
                self._later(label, minutes)

        world.scheduler.at(world.scheduler.now + wait, f"people {label}", act)

    def _victim(self) -> str:
        return self._random.choice(sorted(self._world.processes))

    def _freeze(self) -> None:
        world = self._world
        length = self._random.choice((2, 10, 45, 120, 600)) * _SECOND
        world.scheduler.freeze(world.processes[self._victim()], world.scheduler.now + length)

    def _kill_process(self) -> None:
        self._end_process(self._world.processes[self._victim()])

    def _end_process(self, victim: Actor) -> None:
        if victim.alive and not self._quiet:
            self._world.struck(DEATH)
            self._world.scheduler.kill(victim)

    def at_death(self, label: str) -> None:
        """Let something else go wrong with a process that died when its order was just taken."""
        world = self._world
        if label != "after create" or not world.plan.misfortunes or self._quiet:
            return
        kind = self._random.choice(world.plan.misfortunes)
        if kind == "kill":
            self._kill()
        elif kind == "ban":
            account = world.exchange.floor.account(self._account)
            account.banned_until = world.scheduler.now + 2 * MINUTE
        elif kind:
            minutes = 60 if kind == Fault.DNS_GONE.value else self._random.randint(1, 3)
            world.exchange.faults.open(Fault(kind), world.scheduler.now + minutes * MINUTE)

    def at_write_ahead(self, actor: Actor) -> None:
        """Strike at the worst moment: an order is on the disk and not yet on the wire."""
        world, plan = self._world, self._world.plan
        if self._quiet or plan.strikes <= 0 or not world.chance.hit("strike", plan.strikes):
            return
        kinds = [
            kind
            for kind, on in (
                ("freeze", plan.freezes),
                ("kill", plan.kills),
                ("disk full", True),
                ("crash", bool(plan.crash_share)),
            )
            if on and plan.has(kind)
        ]
        choices = [*kinds, *(one.value for one in plan.gone if plan.has(one.value))]
        if not choices:
            return
        kind = self._random.choice(choices)
        if kind not in kinds:
            until = world.scheduler.now + self._random.randint(1, 60) * _SECOND
            world.exchange.faults.open(Fault(kind), until)
            return
        world.struck(f"{kind} between writing and sending", ["Submitting"])
        if kind == "freeze":
            until = self._random.choice((3, 8, 70, 200)) * _SECOND
            world.scheduler.freeze(actor, world.scheduler.now + until)
        elif kind == "disk full":
            self._disk_full()
        elif kind == "crash":
            # Not at once: while the request is on its way, or its answer is.
            due = world.scheduler.now + self._random.randint(1, 120)
            world.scheduler.at(due, "people crash", lambda: self._end_process(actor))
        else:
            self._kill()

    def _disk_full(self) -> None:
        world = self._world
        kind = self._random.choice(("full", "read-only", "busy", "io"))
        length = self._random.choice(world.plan.outage_seconds) * _SECOND
        world.disk.until[kind] = world.scheduler.now + length
        world.kill_switch.read_only = False

    def _clock_step(self) -> None:
        clock = self._world.clocks["session"]
        clock.skew_ms = self._random.choice((0, 0, 500, -500, 5_000, -5_000, 90_000, -90_000))

    def _hang(self) -> None:
        self._world.notifier.hung = not self._world.notifier.hung

    # The command line, as a process of its own.

    def _as_process(self, body: Callable[[ControlGear], None], tries: int = 1) -> None:
        """Run ``body`` as the command line would, again after ten seconds if it is refused."""
        world = self._world
        clock = world.clocks[OPERATOR]

        def run() -> None:
            gear = ControlGear(store, clock, self._ids)
            for _ in range(tries):
                try:
                    body(gear)
                except MettleError as error:
                    world.oracle.data.said("an error", str(error))
                    clock.sleep_until(clock.now_ms() + 10 * _SECOND)
                else:
                    return

        actor = Actor(OPERATOR, run)
        store = ProcessStore(world.disk, world.hooks, actor)
        world.scheduler.start_actor(actor)

    def command(self, verb: ControlVerb, argument: str = "", tries: int = 1) -> None:
        """Give a command and wait for its answer."""
        asked = Command(self._account, verb, OPERATOR, argument)
        self._as_process(lambda gear: _done(issue_command(gear, asked)), tries)

    @property
    def _account(self) -> str:
        return self._world.oracle.settings.account

    def _operate(self) -> None:
        verb = self._random.choice(
            (
                ControlVerb.PAUSE,
                ControlVerb.REDUCE,
                ControlVerb.RESUME,
                ControlVerb.RESET_BREAKER,
                ControlVerb.ACKNOWLEDGE,
            )
        )
        self.command(verb, self._argument(verb))
        if verb in {ControlVerb.PAUSE, ControlVerb.REDUCE}:
            due = (
                self._world.scheduler.now
                + self._random.randint(*self._world.plan.pause_seconds) * _SECOND
            )
            resume = lambda: self.command(ControlVerb.RESUME, "", _TRIES)  # noqa: E731  one line
            self._world.scheduler.at(due, "people resume", resume)

    def _tend(self) -> None:
        """Settle what waits for a person, and let the account trade."""
        self.tidy()
        if any(cause == "operator" for _, cause in self._world.oracle.view.causes):
            self.command(ControlVerb.RESUME)

    def _argument(self, verb: ControlVerb) -> str:
        view = self._world.oracle.view
        if verb is ControlVerb.RESET_BREAKER:
            return self._random.choice(sorted(view.breakers) or ["daily_loss"])
        if verb is ControlVerb.ACKNOWLEDGE:
            rows = sorted(key for key, one in view.discrepancies.items() if one.closed_at is None)
            return rows[0] if rows else "none"
        return ""

    def _kill(self) -> None:
        self.kill(flatten=self._random.random() < 0.5)
        due = self._world.scheduler.now
        due += self._random.randint(*self._world.plan.kill_seconds) * _SECOND
        self._world.scheduler.at(due, "people re-arm", self.rearm)

    def kill(self, *, flatten: bool) -> None:
        """Kill the account as the command line does."""
        world = self._world
        order = KillOrder(self._account, OPERATOR, "drill", flatten)

        def body(gear: ControlGear) -> None:
            switch = world.kill_switch
            kill(order, KillGear(switch, gear.clock, gear.ids, lambda: gear.store))

        self._as_process(body)

    def rearm(self) -> None:
        """Re-arm, again and again until it is taken."""
        world = self._world
        self._as_process(
            lambda gear: _done(rearm(self._account, OPERATOR, gear, world.kill_switch)), _TRIES
        )

    def calm(self) -> None:
        """End every fault: the machine is healthy, the operator lets the account trade."""
        self._quiet = True
        world = self._world
        world.notifier.hung = False
        for clock in world.clocks.values():
            clock.skew_ms = 0
        for actor in world.processes.values():
            world.scheduler.thaw(actor)
        self.rearm()
        self.command(ControlVerb.RESUME, "", _TRIES)
        self.tidy()

    def tidy(self) -> None:
        """Settle what waits for a person."""
        view = self._world.oracle.view
        for name, record in view.breakers.items():
            if record.state == "open":
                self.command(ControlVerb.RESET_BREAKER, name, _TRIES)
        for key, one in view.discrepancies.items():
            if one.closed_at is None:
                self.command(ControlVerb.ACKNOWLEDGE, key, _TRIES)


def _done(_: object) -> None:
    """Take no notice of an answer."""
