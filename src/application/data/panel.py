"""From series in the lake to the panel that every engine reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError, NotFound
from ...domain.market import BarState, Symbol, Timeframe
from ..market import MarketPanel
from ..ports.bar_store import BarSeries, BarStore
from .series import PRICES, find_gaps

Funding = tuple[NDArray[np.int64], NDArray[np.int64]]


class GapPolicy(Enum):
    """What to do about bars that an asset lacks inside the window."""

    REFUSE = "refuse"
    """Raise, naming the gaps."""
    MARK = "mark"
    """Keep them as missing: nothing trades in them, and training does not cross them."""


def utc(time_ms: int) -> str:
    """Return Unix milliseconds as ``2024-01-31 23:00``."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def load_panel(
    store: BarStore,
    symbols: Sequence[Symbol],
    timeframe: Timeframe,
    start_ms: int | None = None,
    stop_ms: int | None = None,
    gaps: GapPolicy = GapPolicy.REFUSE,
) -> MarketPanel:
    """Read symbols from the lake and align them, with their funding.

    Args:
        store: The lake.
        symbols: Assets in column order; all of them if empty.
        timeframe: The grid.
        start_ms: First open, Unix milliseconds; the latest first bar of the assets if None.
        stop_ms: End, exclusive; the earliest end of the assets if None.
        gaps: Whether missing bars are refused or marked.

    Raises:
        NotFound: If a series is not held, or no bar lies in the window.
        DataError: If bars are missing and ``gaps`` refuses them, a file is damaged, or generated
            and real bars would stand in one market.
    """
    wanted = list(symbols) or [
        line.instrument.symbol for line in store.catalogue() if line.timeframe == timeframe
    ]
    if not wanted:
        raise NotFound(
            f"no {timeframe} bars are held", mend="`mettle data import FILE` or `mettle data synth`"
        )
    if len(set(wanted)) != len(wanted):
        raise DataError(f"a symbol is named twice among {', '.join(map(str, wanted))}")
    series = [store.read(symbol, timeframe) for symbol in wanted]
    _refuse_mixture(series)
    funding = {symbol: store.read_funding(symbol) for symbol in wanted}
    return assemble_panel(series, funding, start_ms, stop_ms, gaps)


def assemble_panel(
    series: Sequence[BarSeries],
    funding: Mapping[Symbol, Funding] | None = None,
    start_ms: int | None = None,
    stop_ms: int | None = None,
    gaps: GapPolicy = GapPolicy.REFUSE,
) -> MarketPanel:
    """Align series of one timeframe on one grid; see :func:`load_panel`."""
    grid = _grid(series, start_ms, stop_ms)
    columns = [_align(one, grid) for one in series]
    if gaps is GapPolicy.REFUSE:
        for one, column in zip(series, columns, strict=True):
            _refuse_gaps(one, grid, column["state"])
    stacked: dict[str, Any] = {
        name: np.ascontiguousarray(np.stack([column[name] for column in columns], axis=1))
        for name in (*PRICES, "volume", "state")
    }
    empty = np.empty(0, dtype=np.int64)
    due = [
        align_funding(
            grid, one.timeframe, *(funding or {}).get(one.instrument.symbol, (empty,) * 2)
        )
        for one in series
    ]
    return MarketPanel(
        timeframe=series[0].timeframe,
        instruments=tuple(one.instrument for one in series),
        open_time=grid,
        funding_open=np.ascontiguousarray(np.stack([pair[0] for pair in due], axis=1)),
        funding_inside=np.ascontiguousarray(np.stack([pair[1] for pair in due], axis=1)),
        synthetic=any(one.synthetic for one in series),
        **stacked,
    )


def align_funding(
    open_time: NDArray[np.int64],
    timeframe: Timeframe,
    time: NDArray[np.int64],
    rate: NDArray[np.int64],
) -> Funding:
    """Return the rates due at each bar's open and strictly inside it, each shape (T,), 1e-8.

    A settlement at a bar's close is due at the next bar's open.
    """
    at_open, inside = np.zeros_like(open_time), np.zeros_like(open_time)
    index = np.searchsorted(open_time, time, side="right") - 1
    known = (index >= 0) & (time < open_time[-1] + timeframe.milliseconds)
    index, time, rate = index[known], time[known], rate[known]
    exact = time == open_time[index]
    np.add.at(at_open, index[exact], rate[exact])
    np.add.at(inside, index[~exact], rate[~exact])
    return at_open, inside


def _grid(
    series: Sequence[BarSeries], start_ms: int | None, stop_ms: int | None
) -> NDArray[np.int64]:
    if not series:
        raise DataError("a panel needs at least one series")
    timeframe = series[0].timeframe
    if any(one.timeframe != timeframe for one in series):
        raise DataError("a panel holds series of one timeframe only")
    step = timeframe.milliseconds
    first = max(int(one.open_time[0]) for one in series)
    end = min(int(one.open_time[-1]) for one in series) + step
    if start_ms is not None:
        earliest = min(int(one.open_time[0]) for one in series)
        first = max(-(-start_ms // step) * step, earliest)
    if stop_ms is not None:
        latest = max(int(one.open_time[-1]) for one in series) + step
        end = min(-(-stop_ms // step) * step, latest)
    if first >= end:
        spans = "; ".join(
            f"{one.instrument.symbol} {utc(int(one.open_time[0]))} to {utc(int(one.open_time[-1]))}"
            for one in series
        )
        raise NotFound(f"no common bars in the period asked for ({spans})")
    return np.arange(first, end, step, dtype=np.int64)


def _align(series: BarSeries, grid: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Put a series on the grid; missing bars hold the last close before them."""
    index = np.searchsorted(series.open_time, grid, side="right") - 1
    here = (index >= 0) & (series.open_time[np.maximum(index, 0)] == grid)
    # The bar before the window marks a leading gap; before the asset's first bar, its first open.
    held = np.where(index >= 0, series.close[np.maximum(index, 0)], series.open[0])
    columns: dict[str, NDArray[Any]] = {
        name: np.where(here, getattr(series, name)[np.maximum(index, 0)], held) for name in PRICES
    }
    columns["volume"] = np.where(here, series.volume[np.maximum(index, 0)], 0)
    columns["state"] = np.where(
        here, series.state[np.maximum(index, 0)], np.uint8(BarState.MISSING)
    ).astype(np.uint8)
    return columns


def _refuse_mixture(series: Sequence[BarSeries]) -> None:
    """Real bars beside generated ones have a history that neither ever had."""
    made = [str(one.instrument.symbol) for one in series if one.synthetic]
    real = [str(one.instrument.symbol) for one in series if not one.synthetic]
    if made and real:
        raise DataError(
            f"{', '.join(made)} {'is' if len(made) == 1 else 'are'} synthetic, {', '.join(real)} "
            f"{'is' if len(real) == 1 else 'are'} not: one market cannot hold both",
            mend="name symbols of one kind",
        )


def _refuse_gaps(series: BarSeries, grid: NDArray[np.int64], state: NDArray[np.uint8]) -> None:
    missing = int((state == BarState.MISSING).sum())
    if not missing:
        return
    step = series.timeframe.milliseconds
    present = grid[state != BarState.MISSING]
    edges = np.concatenate(([grid[0] - step], present, [grid[-1] + step]))
    runs = find_gaps(edges, step)
    longest = max(runs, key=lambda gap: gap.bars)
    raise DataError(
        f"{series.instrument.symbol} {series.timeframe}: {missing} of {len(grid)} bars are missing "
        f"in {len(runs)} gaps, the longest {longest.bars} bars from {utc(longest.first)}",
        mend="choose a window without gaps (`mettle data check` lists them), download what is "
        "missing (`mettle data get`), or allow them with --gaps mark",
    )
