"""What a venue charges, as dated and editable tiers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from ..errors import InvalidValue

RATE_SCALE = 1_000_000


class Liquidity(Enum):
    """Whether a fill added liquidity to the book or took it."""

    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True)
class FeeTier:
    """Rates from a 30-day volume upward.

    Attributes:
        volume: Least 30-day volume, in quote currency.
        maker_ppm: Maker rate in millionths of the notional.
        taker_ppm: Taker rate in millionths of the notional.
    """

    volume: Decimal
    maker_ppm: int
    taker_ppm: int

    def __post_init__(self) -> None:
        for name in ("maker_ppm", "taker_ppm"):
            rate = getattr(self, name)
            if not isinstance(rate, int) or not 0 <= rate < RATE_SCALE:
                raise InvalidValue(f"{name} must lie in 0 … {RATE_SCALE - 1}, was {rate!r}")

    def rate_ppm(self, liquidity: Liquidity) -> int:
        """Return the rate for ``liquidity`` in millionths."""
        return self.maker_ppm if liquidity is Liquidity.MAKER else self.taker_ppm


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Fee tiers in rising order of volume; the first applies from nothing."""

    tiers: tuple[FeeTier, ...]

    def __post_init__(self) -> None:
        volumes = [tier.volume for tier in self.tiers]
        if not volumes or volumes[0] != 0:
            raise InvalidValue("a fee schedule must start at volume 0")
        if any(later <= earlier for earlier, later in itertools.pairwise(volumes)):
            raise InvalidValue("fee tiers must rise in volume")

    @classmethod
    def flat(cls, maker_ppm: int, taker_ppm: int) -> FeeSchedule:
        """Return a schedule with one tier."""
        return cls((FeeTier(Decimal(0), maker_ppm, taker_ppm),))

    def tier(self, volume: Decimal) -> FeeTier:
        """Return the tier that a 30-day ``volume`` (quote currency) has earned."""
        return [tier for tier in self.tiers if tier.volume <= volume][-1]
