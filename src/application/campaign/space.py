"""What a trial may vary: the parameters of each agent with their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from ...domain.errors import ConfigError
from ..ports.agent import Agent
from ..ports.trainer import PpoSettings
from ..strategies.registry import parse_strategy
from .definition import PPO


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; bounds are included.

    Attributes:
        whole: Whether it is a whole number.
        log: Whether it is drawn evenly on a logarithmic scale.
    """

    name: str
    low: float
    high: float
    whole: bool = False
    log: bool = False


Space = tuple[Parameter, ...]

SPACES: dict[str, Space] = {
    "ema-cross": (
        Parameter("fast", 2, 60, whole=True, log=True),
        # Slow is drawn as a distance: no pair that is drawn breaks the rule fast < slow.
        Parameter("gap", 2, 140, whole=True, log=True),
    ),
    PPO: (
        # A trial that takes too few or too small steps does nothing, and a trial's frames are few:
        # docs/measured/edge.md has the counts behind these bounds.
        Parameter("learning_rate", 1e-4, 5e-3, log=True),
        Parameter("discount", 0.8, 0.999),
        Parameter("gae_lambda", 0.8, 0.99),
        Parameter("clip_range", 0.1, 0.3),
        Parameter("entropy_coefficient", 1e-6, 1e-2, log=True),
        Parameter("initial_log_std", -3.0, 0.0),
        Parameter("epochs", 2, 10, whole=True),
    ),
}
"""By agent."""


def space_of(agent: str) -> Space:
    """Return what may be varied of an agent.

    Raises:
        ConfigError: If nothing may.
    """
    found = SPACES.get(agent)
    if found is None:
        raise ConfigError(
            f"{agent!r} has no parameters to search", mend=f"choose one of {', '.join(SPACES)}"
        )
    return found


def widest(agent: str) -> Mapping[str, object]:
    """Return every parameter at its upper bound: what needs the longest warm-up."""
    return {one.name: int(one.high) if one.whole else one.high for one in space_of(agent)}


def rule_agent(name: str, values: Mapping[str, object]) -> Agent:
    """Return the rule strategy with the parameters of a trial."""
    return parse_strategy(rule_text(name, values))


def rule_text(name: str, values: Mapping[str, object]) -> str:
    """Return a rule with a trial's parameters as it is asked for: ``ema-cross:fast=5,slow=20``."""
    fast, gap = cast("int", values["fast"]), cast("int", values["gap"])
    return f"{name}:fast={fast},slow={fast + gap}"


def ppo_settings(base: PpoSettings, values: Mapping[str, object]) -> PpoSettings:
    """Return the trainer's settings with the parameters of a trial."""
    return replace(base, **values)  # type: ignore[arg-type]  # names and types are the space's
