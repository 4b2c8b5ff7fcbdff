"""What happens to a world from outside the venue: people, signals, machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mettle.application.journal import ControlRecord, ControlVerb
from mettle.domain.errors import MettleError

from .plan import MINUTE

if TYPE_CHECKING:
    from .world import World

_SECOND = 1_000


class People:
    """Plans and carries out the faults outside the venue."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.chance.stream("people")
        self._commands = 0
        self.paused_by_hand = False
        self._quiet = False

    def begin(self) -> None:
        """Plan the first of each kind."""
        plan = self._world.plan
        if plan.freezes and plan.has("freeze"):
            self._later("freeze", 10, self._freeze)
        if plan.disk.full and plan.has("disk full"):
            self._later("disk full", 30, self._disk_full)
        if plan.has("clock step") and plan.skew_ms:
            self._later("clock step", 30, self._clock_step)
        if plan.operator and plan.has("operator"):
            self._later("operator", 20, self._operate)
        if plan.kills and plan.has("kill"):
            self._later("kill", 120, self._kill)
        if plan.has("notifier"):
            self._later("notifier", 60, self._hang)
        if plan.crash_share and plan.has("crash"):
            self._later("kill process", 20, self._kill_process)

    def _later(self, label: str, minutes: float, call: object) -> None:
        """Do something after a time of about ``minutes``."""
        world = self._world
        due = world.scheduler.now + int(self._random.expovariate(1 / (minutes * MINUTE))) + _SECOND

        def act() -> None:
            if not self._quiet:
                world.report.fired[f"world {label}"] += 1
                call()  # type: ignore[operator]  # bound methods
                self._later(label, minutes, call)

        world.scheduler.at(due, f"people {label}", act)

    def _victim(self) -> str:
        return self._random.choice(sorted(self._world.processes))

    def _freeze(self) -> None:
        world = self._world
        length = self._random.choice((2, 10, 45, 120, 600)) * _SECOND
        actor = world.processes[self._victim()]
        world.scheduler.freeze(actor, world.scheduler.now + length)

    def _kill_process(self) -> None:
        self._world.scheduler.kill(self._world.processes[self._victim()])

    def _disk_full(self) -> None:
        world = self._world
        kind = self._random.choice(("full", "read-only", "busy", "io"))
        length = self._random.choice((1, 5, 30, 300)) * _SECOND
        world.disk.until[kind] = world.scheduler.now + length

    def _clock_step(self) -> None:
        clock = self._world.clocks["session"]
        clock.skew_ms = self._random.choice((0, 0, 500, -500, 5_000, -5_000, 90_000, -90_000))

    def _hang(self) -> None:
        self._world.notifier.hung = not self._world.notifier.hung

    def _operate(self) -> None:
        verb = self._random.choice(
            (
                ControlVerb.PAUSE,
                ControlVerb.RESUME,
                ControlVerb.RESUME,
                ControlVerb.REDUCE,
                ControlVerb.RESET_BREAKER,
                ControlVerb.ACKNOWLEDGE,
            )
        )
        self._command(verb, self._argument(verb))
        if verb in {ControlVerb.PAUSE, ControlVerb.REDUCE}:
            world = self._world
            due = world.scheduler.now + self._random.randint(10, 600) * _SECOND
            world.scheduler.at(due, "people resume", lambda: self._command(ControlVerb.RESUME, ""))

    def _argument(self, verb: ControlVerb) -> str:
        view = self._world.oracle.view
        if verb is ControlVerb.RESET_BREAKER:
            names = sorted(view.breakers) or ["daily_loss"]
            return self._random.choice(names)
        if verb is ControlVerb.ACKNOWLEDGE:
            rows = sorted(key for key, one in view.discrepancies.items() if one.closed_at is None)
            return rows[0] if rows else ""
        return ""

    def _kill(self) -> None:
        """The kill command of another process: flag, epoch, command."""
        world = self._world
        world.kill_switch.set(world.oracle.settings.account, "the operator's kill")
        self._command(ControlVerb.KILL, self._random.choice(("", "flatten")))
        due = world.scheduler.now + self._random.randint(2, 20) * MINUTE
        world.scheduler.at(due, "people re-arm", self._rearm)

    def _rearm(self) -> None:
        world = self._world
        world.kill_switch.clear(world.oracle.settings.account)
        self._command(ControlVerb.REARM, "")

    def _command(self, verb: ControlVerb, argument: str) -> None:
        """Write a command down, as the command line does; tries again if the disk fails."""
        world, now = self._world, self._world.scheduler.now
        self._commands += 1
        control = ControlRecord(
            f"control-{self._commands:06d}",
            world.oracle.settings.account,
            verb,
            argument,
            "operator",
            now,
        )
        try:
            with world.store.writing() as unit:
                unit.controls.add(control)
                unit.commit()
        except MettleError:
            world.scheduler.at(now + _SECOND, "again", lambda: self._command(verb, argument))

    def calm(self) -> None:
        """End everything: the machine is healthy, the operator lets it trade."""
        self._quiet = True
        world = self._world
        world.notifier.hung = False
        for clock in world.clocks.values():
            clock.skew_ms = 0
        for actor in world.processes.values():
            actor.frozen_until = 0
        world.kill_switch.clear(world.oracle.settings.account)
        self._command(ControlVerb.REARM, "")
        self._command(ControlVerb.RESUME, "")
