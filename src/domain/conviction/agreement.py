"""Agreement of an ensemble, as a factor in 0 … 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import InvalidValue

SINGLE = 0.5
"""Agreement of one model with itself: it says nothing."""


def agreement(actions: Sequence[float]) -> float:
    """Return ``0.6·same sign + 0.4·max(0, 1 − 2·std)`` of the members' actions for one asset.

    *Same sign* is the share of members whose sign is that of the mean action (0 has a sign of its
    own); the deviation is that of the population.

    Args:
        actions: One a member, in [−1, 1].

    Raises:
        InvalidValue: If there is none, or one is not finite.
    """
    if not actions or not all(math.isfinite(one) for one in actions):
        raise InvalidValue(f"agreement needs finite actions, had {list(actions)}")
    if len(actions) == 1:
        return SINGLE
    mean = math.fsum(actions) / len(actions)
    same = sum(_sign(one) == _sign(mean) for one in actions) / len(actions)
    deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in actions) / len(actions))
    return 0.6 * same + 0.4 * max(0.0, 1.0 - 2.0 * deviation)


def _sign(value: float) -> int:
    return (value > 0.0) - (value < 0.0)
