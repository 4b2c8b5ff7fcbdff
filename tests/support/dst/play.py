"""From a trial to a report; importable by name, so that other processes can play it."""

from __future__ import annotations

from mettle.adapters.venues.exchange import Fault

from .campaign import Trial
from .plan import WORLD_FAULTS, plan_for
from .report import Report
from .world import World

FAULTS = (*WORLD_FAULTS, *(one.value for one in Fault))
"""Everything that can be switched off."""


def build(trial: Trial) -> World:
    """Return the world of a trial."""
    return World(plan_for(trial.seed, trial.without))


def play(trial: Trial) -> Report:
    """Play a trial."""
    return build(trial).run(trial.events)
