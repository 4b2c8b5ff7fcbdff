"""Check: where the holes are, and which prints cannot be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain.market import BarState, Symbol, Timeframe
from ..ports.bar_store import BarSeries
from .series import Gap, find_gaps

JUMP = 5.0
"""A jump is a return beyond this many times the volatility of the day before it."""
SPIKE = 10.0
"""A spike is a jump beyond this many times that the next bar takes back."""
BAD_PRINT = 0.4
"""A spike of at least this return is no market, whatever the news was."""
TAKEN_BACK = 0.8
"""Part of a spike that the next bar must take back."""
WINDOW = 24
"""Bars of the trailing volatility."""


@dataclass(frozen=True, slots=True)
class Spike:
    """A move that the next bar takes back: false news, a thin book, or a bad print.

    Attributes:
        time: Open of the bar, Unix milliseconds.
        change: Its return as a fraction.
        volatilities: How many trailing volatilities that is.
    """

    time: int
    change: float
    volatilities: float


@dataclass(frozen=True, slots=True)
class SeriesCheck:
    """What is wrong, or merely notable, with one series.

    Attributes:
        first, last: Opens of the first and last bar, Unix milliseconds.
        missing: Bars that are not there, in ``gaps``.
        empty: Bars flagged empty.
        zero_volume: Bars without volume that are not flagged empty.
        longest_still: Longest run of bars in which nothing moved or traded.
        jumps: Bars that jumped; normal for crypto at 0.1 to 0.3 a day.
        spikes: Moves that the next bar takes back; worth a look.
        problems: In words, what speaks against using the series as it is.
    """

    symbol: Symbol
    timeframe: Timeframe
    first: int
    last: int
    bars: int
    missing: int
    gaps: tuple[Gap, ...]
    empty: int
    zero_volume: int
    longest_still: int
    jumps: int
    jumps_per_day: float
    spikes: tuple[Spike, ...]
    problems: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing speaks against using the series."""
        return not self.problems


def check_bars(series: BarSeries, allowed_missing: float = 0.0) -> SeriesCheck:
    """Judge one series.

    Duplicates and bars off the grid cannot be in the lake; the import refuses or reports them.

    Args:
        series: The bars.
        allowed_missing: Share of missing bars that is no problem.
    """
    gaps = find_gaps(series.open_time, series.timeframe.milliseconds)
    missing = sum(gap.bars for gap in gaps)
    spikes, jumps = _jumps(series)
    share = missing / (len(series) + missing)
    problems = []
    if share > allowed_missing:
        problems.append(f"{missing} bars missing in {len(gaps)} gaps ({share:.2%})")
    bad = sum(abs(spike.change) >= BAD_PRINT for spike in spikes)
    if bad:
        problems.append(f"{bad} prints off by {BAD_PRINT:.0%} or more that the next bar takes back")
    traded = series.state == BarState.TRADED
    days = len(series) / series.timeframe.bars_per_day
    return SeriesCheck(
        symbol=series.instrument.symbol,
        timeframe=series.timeframe,
        first=int(series.open_time[0]),
        last=int(series.open_time[-1]),
        bars=len(series),
        missing=missing,
        gaps=gaps,
        empty=int((~traded).sum()),
        zero_volume=int((traded & (series.volume == 0)).sum()),
        longest_still=_longest_run((series.high == series.low) & (series.volume == 0)),
        jumps=jumps,
        jumps_per_day=jumps / days,
        spikes=spikes,
        problems=tuple(problems),
    )


def trailing_volatility(returns: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the bipower volatility of the ``window`` returns before each, shape (n,).

    σ² = π/2 · mean |rᵢ||rᵢ₋₁| (Barndorff-Nielsen & Shephard 2004): one jump does not lift it. It is
    infinite where fewer returns are known.
    """
    out = np.full(len(returns), np.inf)
    if len(returns) > window:
        products = np.abs(returns[1:]) * np.abs(returns[:-1])
        sums = np.concatenate(([0.0], np.cumsum(products)))
        means = (sums[window - 1 :] - sums[: -(window - 1)]) / (window - 1)
        out[window:] = np.sqrt(np.pi / 2 * np.maximum(means[: len(returns) - window], 0.0))
    return out


def _jumps(series: BarSeries) -> tuple[tuple[Spike, ...], int]:
    returns = np.diff(np.log(series.close.astype(np.float64)))
    # A return across a gap is no jump of one bar.
    returns[np.diff(series.open_time) != series.timeframe.milliseconds] = 0.0
    volatility = trailing_volatility(returns, WINDOW)
    # Where nothing moved for a day any change would be infinitely many volatilities.
    volatility[volatility <= 0] = np.inf
    size = np.abs(returns) / volatility
    after = np.append(returns[1:], 0.0)
    spike = (size > SPIKE) & (-after * np.sign(returns) > TAKEN_BACK * np.abs(returns))
    found = tuple(
        Spike(int(series.open_time[i + 1]), float(np.expm1(returns[i])), float(size[i]))
        for i in np.flatnonzero(spike)
    )
    return found, int((size > JUMP).sum())


def _longest_run(mask: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths.max(initial=0))
