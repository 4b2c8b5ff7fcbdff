"""What was observed of one account: the input of every figure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .returns import MINIMUM_DAYS
from .statistics import FillTotals
from .trade_rows import TRADE_DTYPE

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Record:
    """What was observed: the input of every figure.

    Attributes:
        nav: NAV per unit at each mark, shape (n,).
        bars_per_day: Marks in 24 hours.
        trades: ``TRADE_DTYPE`` rows.
        fills: Sums over the fills.
        exposure: Gross exposure ÷ equity at each mark, shape (n,).
        mean_equity: Mean equity over the marks, 1e-8 quote.
        benchmark: NAV of the benchmark at the same marks, shape (n,), or None.
    """

    nav: FloatArray
    bars_per_day: float
    trades: NDArray[np.void] = field(default_factory=lambda: np.empty(0, TRADE_DTYPE))
    fills: FillTotals = field(default_factory=lambda: FillTotals(0, 0, 0, 0, 0))
    exposure: FloatArray = field(default_factory=lambda: np.zeros(0))
    mean_equity: float = 0.0
    benchmark: FloatArray | None = None

    @property
    def days(self) -> float:
        """Length from the first to the last mark."""
        return (self.nav.size - 1) / self.bars_per_day

    @property
    def annualised(self) -> bool:
        """Whether the record is long enough for annual figures."""
        return self.days >= MINIMUM_DAYS

    @property
    def bars_per_year(self) -> float:
        """Bars in 365 days."""
        return 365.0 * self.bars_per_day
