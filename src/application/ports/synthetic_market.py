"""A generated market, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import InvalidValue
from ...domain.market import Symbol, Timeframe
from .bar_store import BarSeries
from .randomness import Randomness

_LAST_MS = 253_402_300_800_000
"""Where the calendar ends: 10000-01-01."""


class SyntheticMode(Enum):
    """What a generated market can teach."""

    MARKET = "market"
    """Everything that is calibrated; no edge is put in on purpose."""
    MARTINGALE = "martingale"
    """The price is a martingale: no strategy earns anything before costs."""
    PLANTED = "planted"
    """A martingale plus a drift that follows the sign of the asset's own last bar."""


@dataclass(frozen=True, slots=True)
class SyntheticRequest:
    """What to generate.

    Attributes:
        assets: Number of assets, SYN1/USDT and up; unused where ``symbols`` are given.
        bars: Bars of each.
        start_ms: Open of the first bar, Unix milliseconds, on the grid (default 2020-01-01).
        perpetual: Whether to make perpetuals with funding every eight hours.
        edge_bp: Drift of a bar in PLANTED mode, 1e-4: +edge after a rise, −edge after a fall.
            Holding the sign of the last bar is then optimal: ``edge_bp`` a bar before costs.
    """

    assets: int = 4
    bars: int = 5000
    timeframe: Timeframe = field(default_factory=lambda: Timeframe.parse("1h"))
    start_ms: int = 1_577_836_800_000
    perpetual: bool = False
    mode: SyntheticMode = SyntheticMode.MARKET
    edge_bp: float = 10.0
    symbols: tuple[Symbol, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.assets <= 200:
            raise InvalidValue(f"assets must lie in 1 … 200, was {self.assets}")
        if not 2 <= self.bars <= 10_000_000:
            raise InvalidValue(f"bars must lie in 2 … 10 million, was {self.bars}")
        if self.start_ms % self.timeframe.milliseconds:
            raise InvalidValue(f"start must lie on the grid of {self.timeframe}")
        if self.start_ms + self.bars * self.timeframe.milliseconds > _LAST_MS:
            raise InvalidValue(
                f"{self.bars} bars of {self.timeframe} from there end after the year 9999",
                mend="begin earlier, or take fewer bars",
            )
        if not 0 <= self.edge_bp <= 100:
            raise InvalidValue(f"edge must lie in 0 … 100 bp a bar, was {self.edge_bp}")

    @property
    def names(self) -> tuple[Symbol, ...]:
        """The symbols of the assets, in order."""
        if self.symbols:
            return self.symbols
        settle = "USDT" if self.perpetual else ""
        return tuple(Symbol(f"SYN{i + 1}", "USDT", settle) for i in range(self.assets))


@dataclass(frozen=True, slots=True)
class SyntheticData:
    """Generated bars, and settlement times (Unix ms) and rates (1e-8) of each perpetual."""

    series: Sequence[BarSeries]
    funding: dict[Symbol, tuple[NDArray[np.int64], NDArray[np.int64]]]


class SyntheticMarket(Protocol):
    """Generates bars that behave like those of the real market, always marked synthetic.

    The same request and randomness give the same bars. Adapter: calibrated.
    """

    def generate(self, request: SyntheticRequest, randomness: Randomness) -> SyntheticData:
        """Return the bars and funding asked for."""
