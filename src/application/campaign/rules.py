"""Trials of rule strategies: nothing is trained, only judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..backtest import Provenance, Window
from ..ports.agent import Agent
from .final import Candidate, FinalTask
from .objective import TrialWork
from .space import rule_agent, rule_text


@dataclass(frozen=True, slots=True)
class FinalRule:
    """See :class:`~.final.Candidate`."""

    agent: Agent
    called: str

    @property
    def provenance(self) -> Provenance:
        """It has seen no bars."""
        return Provenance(hash=self.agent.name)

    def keep(self) -> str:
        """Return "": what it is called says all of it."""
        return ""


class RuleMaker:
    """See :class:`~.objective.AgentMaker`: the rule with the trial's parameters, in every fold.

    Args:
        name: The strategy.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def make(self, work: TrialWork, fold: int, window: Window) -> tuple[Agent, Provenance]:
        """Return the rule; it has seen no bars."""
        del fold, window
        agent = rule_agent(work.definition.agent, work.attempt.parameters)
        return agent, Provenance(hash=agent.name)

    def keep(self, work: TrialWork) -> Mapping[str, Any]:
        """Return what the rule is called where it is to be traded."""
        return {"agent": rule_text(work.definition.agent, work.attempt.parameters)}

    def final(self, task: FinalTask) -> Candidate:
        """See :class:`~.final.FinalMaker`: there is nothing to train."""
        values = task.attempt.parameters
        return FinalRule(rule_agent(self._name, values), rule_text(self._name, values))

    def fingerprint(self, work: TrialWork) -> Mapping[str, Any]:
        """Return the strategy."""
        return {"rule": work.definition.agent}

    def space_needed(self) -> int:
        """Return 0: a rule writes nothing."""
        return 0
