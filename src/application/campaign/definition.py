"""What a campaign tries, fixed when it begins: whoever resumes or joins it does the same work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ...domain.errors import ConfigError, DataError
from ..learning.artefact import check_name

PPO = "ppo"
"""The agent that is trained; every other name is a rule strategy's, but one."""

OBJECTIVE = "objective"
"""No agent of ours: a user's own function of an Optuna trial."""

SENSES = ("maximize", "minimize")

OBJECTIVES: dict[str, str] = {"sharpe": "maximize", "drawdown": "minimize", "turnover": "minimize"}
"""What may be optimised, and in which direction."""

_NAME_LIMIT = 58  # a trial's own name adds a dash and four digits or more


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDefinition:
    """A campaign.

    Attributes:
        agent: ``ppo``, a rule strategy, or ``objective`` for a function of a user's.
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
        senses: Directions of the objectives where these are a user's own, else empty.
        function: Where a worker finds a user's function; empty if only its own process does.
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
    senses: tuple[str, ...] = ()
    function: Mapping[str, str] = field(default_factory=dict)

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
        if self.agent == OBJECTIVE:
            self._check_senses()
            return
        unknown = [one for one in self.objectives if one not in OBJECTIVES]
        if unknown or not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise ConfigError(
                f"objectives must be one or more of {', '.join(OBJECTIVES)}, each once, "
                f"were {', '.join(self.objectives) or 'none'}",
                mend="for example --objectives sharpe,drawdown",
            )

    def _check_senses(self) -> None:
        names = self.objectives
        sound = all(one and one.isprintable() for one in names) and len(set(names)) == len(names)
        if not sound or not names or len(self.senses) != len(names):
            raise ConfigError(
                f"objectives need a name and a direction each, were {names} and {self.senses}",
                mend='for example direction={"loss": "minimize", "size": "minimize"}',
            )
        if wrong := [one for one in self.senses if one not in SENSES]:
            raise ConfigError(
                f"a direction is maximize or minimize, was {wrong[0]!r}",
                mend='for example direction="maximize"',
            )

    @property
    def directions(self) -> tuple[str, ...]:
        """``maximize`` or ``minimize``, an objective each."""
        if self.senses:
            return self.senses
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
            lists["senses"] = tuple(body.get("senses", ()))
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
