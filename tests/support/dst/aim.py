"""Faults of the world and of the exchange, brought about when an order is in a state it seldom has.

Chance alone meets such states too seldom: an order is partly filled for a second in a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mettle.adapters.venues.exchange import Fault

if TYPE_CHECKING:
    from .world import World

_AT_ONCE = {
    Fault.CLOCK_STEP,
    Fault.CLOCK_SKEW,
    Fault.FOREIGN_ORDER,
    Fault.BALANCE_MOVED,
    Fault.LIQUIDATION,
    Fault.FUNDING_PAID,
    Fault.FUNDING_RECEIVED,
    Fault.FEE_IN_BASE,
    Fault.FEE_IN_THIRD,
    Fault.FILTERS_CHANGE,
    Fault.STOP_LOCKS_BALANCE,
}
"""What strikes where it begins; the rest strikes whoever asks next, in a state of his own."""
_SECOND = 1_000
_LONGEST = 60 * _SECOND


class Aim:
    """Strikes at seldom states, each time with what has struck there least often."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.chance.stream("aim")
        plan = world.plan
        self._faults = [one for one in plan.hourly if one in _AT_ONCE and plan.has(one.value)]

    def look(self) -> None:
        """Strike, if there is such an order and the dice say so."""
        world = self._world
        seldom = [one for one in world.states_of_live() if one in world.plan.aims]
        if not seldom or self._random.random() >= world.plan.aim or world.people.is_quiet:
            return
        state = self._random.choice(seldom)
        choices: list[Fault | str] = [*self._faults, *world.people.labels()]
        wanted = world.plan.aims[state]
        choices = [one for one in choices if not wanted or one in wanted]
        if not choices:
            return
        least = min(self._struck(one, state) for one in choices)
        chosen = self._random.choice([one for one in choices if self._struck(one, state) == least])
        if isinstance(chosen, Fault):
            until = world.scheduler.now + self._random.randint(_SECOND, _LONGEST)
            world.exchange.mischief.befall(chosen, until)
        else:
            world.people.strike(chosen)

    def _struck(self, what: Fault | str, state: str) -> int:
        if isinstance(what, Fault):
            return self._world.exchange.faults.fired[what, state]
        return self._world.report.cells[f"world: {what}", state]
