"""Several agents as one: the mean of their actions, and how far they agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...domain.conviction import agreement
from ...domain.errors import InvalidValue
from ...domain.performance.selection import Span
from ...domain.signals.features import FeatureSet
from ..ports.agent import Agent
from .ground import Ground

MAX_MEMBERS = 32


class Ensemble:
    """Decides the mean of its members' actions; implements ``Agent``.

    Each member sees its own features, in its own order, over its own window.

    Raises:
        InvalidValue: If there are fewer than two members, too many, or one twice.
    """

    def __init__(self, members: Sequence[Agent]) -> None:
        names = [one.name for one in members]
        if not 2 <= len(members) <= MAX_MEMBERS or len(set(names)) < len(names):
            raise InvalidValue(
                f"an ensemble has 2 to {MAX_MEMBERS} members, each once, were {', '.join(names)}"
            )
        self.members = tuple(members)
        specs = tuple(dict.fromkeys(spec for one in members for spec in one.feature_set.specs))
        self._feature_set = FeatureSet(specs)
        self._columns = [
            np.array([specs.index(spec) for spec in one.feature_set.specs]) for one in members
        ]

    @property
    def name(self) -> str:
        """The members' names, joined by ``+``."""
        return "+".join(one.name for one in self.members)

    @property
    def feature_set(self) -> FeatureSet:
        """What any member wants."""
        return self._feature_set

    @property
    def window(self) -> int:
        """The longest window of a member."""
        return max(one.window for one in self.members)

    def votes(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return every member's actions, shape (M, A); arguments as for :meth:`decide`."""
        rows = [
            one.decide(np.ascontiguousarray(features[-one.window :, :, columns]), portfolio)
            for one, columns in zip(self.members, self._columns, strict=True)
        ]
        return np.stack(rows)

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See :class:`~mettle.application.ports.agent.Agent`."""
        mean = self.votes(features, portfolio).mean(axis=0, dtype=np.float64)
        return np.asarray(mean, dtype=np.float32)


def mean_agreement(ground: Ground, members: Sequence[Agent]) -> float | None:
    """Return how far members agree on average over a ground, each playing for itself.

    Bars after a member's ruin are left out; None if no bar is left.
    """
    span = Span(ground.first, ground.stop)
    acted = np.stack([ground.actions(one, span) for one in members])
    known = np.isfinite(acted).all(axis=0)
    rows = acted[:, known].T.astype(np.float64).tolist()
    return float(np.mean([agreement(row) for row in rows])) if rows else None
