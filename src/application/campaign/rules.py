"""Trials of rule strategies: nothing is trained, only judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backtest import Provenance, Window
from ..ports.agent import Agent
from .objective import TrialWork
from .space import rule_agent


class RuleMaker:
    """See :class:`~.objective.AgentMaker`: the rule with the trial's parameters, in every fold."""

    def make(self, work: TrialWork, fold: int, window: Window) -> tuple[Agent, Provenance]:
        """Return the rule; it has seen no bars."""
        del fold, window
        agent = rule_agent(work.definition.agent, work.attempt.parameters)
        return agent, Provenance(hash=agent.name)

    def keep(self, work: TrialWork) -> Mapping[str, Any]:
        """Return the rule's name, by which it can be traded."""
        return {"agent": rule_agent(work.definition.agent, work.attempt.parameters).name}

    def fingerprint(self, work: TrialWork) -> Mapping[str, Any]:
        """Return the strategy."""
        return {"rule": work.definition.agent}

    def space_needed(self) -> int:
        """Return 0: a rule writes nothing."""
        return 0
