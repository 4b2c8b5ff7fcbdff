"""What a campaign tries, fixed when it begins: whoever resumes or joins it does the same work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...domain.errors import ConfigError, DataError
from ..learning.artefact import check_name

PPO = "ppo"
"""The agent that is trained; every other name is a rule strategy's."""

OBJECTIVES: dict[str, str] = {"sharpe": "maximize", "drawdown": "minimize", "turnover": "minimize"}
"""What may be optimised, and in which direction."""

_NAME_LIMIT = 58  # a trial's own name adds a dash and four digits or more


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDefinition:
    """A campaign.

    Attributes:
        agent: ``ppo``, or a rule strategy.
        trials: How many sets of parameters are tried.
        objectives: One or more of ``OBJECTIVES``; several are weighed against each other (Pareto).
        folds: Walk-forward windows that a trial is judged on.
        holdout: Share of the bars, at their end, that no trial sees.
        prune: Whether a trial that is plainly worse than the best one is ended early.
        retries: Further attempts after running out of memory, each with half the footprint.
        deaths: Further attempts after the death of a worker.
        time_limit_s: Of one attempt, 0 is none.
        start_ms, stop_ms: The bars, by their opens, ``[start, stop)``.
        settings: The sections of the settings that the result depends on.
    """

    study: str
    agent: str
    trials: int
    symbols: tuple[str, ...]
    timeframe: str
    start_ms: int
    stop_ms: int
    data_hash: str
    seed: int
    settings: Mapping[str, Any]
    objectives: tuple[str, ...] = ("sharpe",)
    folds: int = 5
    holdout: float = 0.2
    prune: bool = True
    retries: int = 3
    deaths: int = 10
    time_limit_s: float = 0.0

    def __post_init__(self) -> None:
        if len(check_name(self.study)) > _NAME_LIMIT:
            raise ConfigError(
                f"a study's name has at most {_NAME_LIMIT} characters, was {self.study!r}"
            )
        for name, least, most in _BOUNDS:
            if not least <= getattr(self, name) <= most:
                raise ConfigError(
                    f"{name} must lie in {least} … {most}, was {getattr(self, name)}",
                    mend=f"set {name} to a number in these bounds",
                )
        unknown = [one for one in self.objectives if one not in OBJECTIVES]
        if unknown or not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise ConfigError(
                f"objectives must be one or more of {', '.join(OBJECTIVES)}, each once, "
                f"were {', '.join(self.objectives) or 'none'}",
                mend="for example --objectives sharpe,drawdown",
            )

    @property
    def directions(self) -> tuple[str, ...]:
        """``maximize`` or ``minimize``, an objective each."""
        return tuple(OBJECTIVES[one] for one in self.objectives)

    def to_text(self) -> str:
        """Return it as JSON."""
        body = {one.name: getattr(self, one.name) for one in fields(self)}
        return json.dumps(body, sort_keys=True, default=str)

    @classmethod
    def from_text(cls, text: str) -> CampaignDefinition:
        """Return what :meth:`to_text` wrote.

        Raises:
            DataError: If it is something else.
        """
        try:
            body = json.loads(text)
            lists = {name: tuple(body[name]) for name in ("symbols", "objectives")}
            return cls(**{**body, **lists})
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"a campaign's definition cannot be read: {error}",
                mend="it was written by another version of mettle",
            ) from error


_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("trials", 1, 1_000_000),
    ("folds", 2, 64),
    ("holdout", 0.0, 0.5),
    ("retries", 0, 3),
    ("deaths", 0, 1_000),
    ("time_limit_s", 0.0, 1e9),
)
