"""From a trial to a report; importable by name, so that other processes can play it."""

from __future__ import annotations

from contextlib import nullcontext

from mettle.adapters.venues.exchange import Fault

from .bugs import BUGS
from .campaign import Trial
from .kinds import KINDS
from .plan import WORLD_FAULTS, plan_for
from .report import Report
from .world import World

FAULTS = (*WORLD_FAULTS, *(one.value for one in Fault))
"""Everything that can be switched off."""


def build(trial: Trial) -> World:
    """Return the world of a trial; a planted bug chooses its worlds."""
    plan = KINDS[trial.kind](plan_for(trial.seed, trial.without))
    if trial.bug:
        plan = BUGS[trial.bug].worlds(plan)
    return World(plan)


def run(world: World, trial: Trial) -> Report:
    """Run a world with the trial's bug in the product, if it has one."""
    with BUGS[trial.bug].planted() if trial.bug and trial.planted else nullcontext():
        return world.run(trial.events, calm=trial.calm)


def play(trial: Trial) -> Report:
    """Play a trial."""
    return run(build(trial), trial)
