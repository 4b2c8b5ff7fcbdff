"""Does a decision at t change when the bars after t are taken away?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...domain.errors import DataError
from ..ports.agent import Agent
from .ground import Ground


@dataclass(frozen=True, slots=True)
class DecisionLeak:
    """A decision that knew the future.

    Attributes:
        bar: Position in the panel.
        cut: Last bar that was known in the cut run.
        seen, full: First action that differs, with the bars up to ``cut`` and with all.
    """

    agent: str
    bar: int
    cut: int
    seen: float
    full: float

    def __str__(self) -> str:
        return (
            f"{self.agent} decides {self.seen!r} at bar {self.bar} when the bars after {self.cut} "
            f"are unknown, and {self.full!r} when they are known"
        )


def find_decision_leaks(ground: Ground, agent: Agent, cuts: int = 8) -> tuple[DecisionLeak, ...]:
    """Play an agent over the whole ground and over grounds cut short, and compare its actions.

    This finds what :func:`~mettle.application.features.lookahead.find_lookahead` cannot: an agent
    that decides many bars at once and peeks at the later ones.

    Returns:
        The first difference of each cut, empty if all is well.

    Raises:
        DataError: If the ground is too short to be cut.
    """
    first, stop = ground.first, ground.stop
    if stop - first < 4:
        raise DataError(f"{stop - first} bars cannot be cut", mend="use a longer period")
    run, settings = ground.tools.engine.run, ground.settings
    full = run(ground.panel, ground.table(agent), agent, settings, first, stop).actions
    leaks = []
    for cut in np.unique(np.linspace(first + 2, stop - 1, cuts + 1).astype(int)[:-1]).tolist():
        panel = ground.panel.slice(0, cut + 1)
        table = ground.tools.features.table(panel, agent.feature_set)
        seen = run(panel, table, agent, settings, first, cut + 1).actions
        # Bits are compared: NaN equals itself.
        differs = seen.view(np.uint32) != full[: len(seen)].view(np.uint32)
        if differs.any():
            row, asset = (int(one) for one in np.argwhere(differs)[0])
            leaks.append(
                DecisionLeak(
                    agent.name, first + row, cut, float(seen[row, asset]), float(full[row, asset])
                )
            )
    return tuple(leaks)
