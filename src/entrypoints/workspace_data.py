"""The candles of a workspace, as the Python face offers them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..application.data.panel import GapPolicy as PanelGaps
from ..application.data.panel import assemble_panel, load_panel
from ..application.ports.bar_files import ImportedBars, ImportOptions
from ..application.ports.bar_store import StoredSeries
from ..application.ports.synthetic_market import SyntheticRequest
from ..domain.errors import InvalidValue, NotFound
from ..domain.market import Symbol, Timeframe
from .container import ApplicationContainer
from .frames import frame_kind, series_of
from .market_data import Instant, MarketData, as_ms, span_ms
from .settings import Settings
from .suggest import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Symbols = str | Sequence[str]


class WorkspaceData:
    """The workspace's candles."""

    def __init__(self, container: ApplicationContainer, settings: Settings) -> None:
        self._container = container
        self._settings = settings

    def catalogue(self) -> Sequence[StoredSeries]:
        """Return what the lake holds, ordered by symbol and timeframe."""
        return self._container.bars().catalogue()

    def get(
        self,
        symbols: Symbols | None = None,
        timeframe: str | None = None,
        *,
        last: str | None = None,
        start: Instant | None = None,
        stop: Instant | None = None,
        gaps: Literal["refuse", "mark"] = "mark",
    ) -> MarketData:
        """Return bars of the lake.

        Args:
            symbols: Those of the settings if None.
            timeframe: That of the settings if None.
            last: Length of the period, counted back from the last bar: ``30d``, ``6mo``, ``2y``.
            start: First open; earlier bars stay as history.
            stop: End, exclusive.
            gaps: Whether missing bars are refused here, or marked and left to training and
                backtest to judge.

        Raises:
            NotFound: If a series is not held or the period is empty; names the nearest symbol.
            DataError: If gaps are refused, or a file is damaged.
        """
        wanted = self._symbols(symbols)
        grid = Timeframe.parse(timeframe or self._settings.market.timeframe)
        self._require(wanted, grid)
        stop_ms = None if stop is None else as_ms(stop)
        panel = load_panel(self._container.bars(), wanted, grid, None, stop_ms, PanelGaps(gaps))
        data = MarketData(panel)
        if last is not None:
            if start is not None:
                raise InvalidValue("last and start exclude each other", mend="give one of them")
            start = data.stop_ms - span_ms(last)
        return data if start is None else data.between(start)

    def read(
        self,
        source: str | Path | pl.DataFrame | pd.DataFrame,
        *,
        symbol: str | None = None,
        timeframe: str | None = None,
        venue: str = "",
    ) -> MarketData:
        """Read candles from a file or a frame, without keeping them in the lake.

        Args:
            source: Parquet, Feather, CSV or JSON; or a polars or pandas frame with timestamp,
                open, high, low, close, volume, and symbol if there are several.
            symbol: The asset, where neither name nor column says it.
            timeframe: The grid; inferred if None.
            venue: The venue, for its fees.

        Raises:
            DataError: If something in it has no certain meaning, with line and reason.
            NotFound: If there is no such file.
        """
        grid = Timeframe.parse(timeframe) if timeframe else None
        named = Symbol.parse(symbol) if symbol else None
        if not isinstance(source, str | Path):
            panel = assemble_panel(series_of(source, grid, named), gaps=PanelGaps.MARK)
            return MarketData(panel, kind=frame_kind(source))
        options = ImportOptions((named,) if named else (), grid, venue=venue)
        files, found = self._container.bar_files(), []
        for path in files.expand([str(source)]):
            found += [
                one.series for one in files.read(path, options) if isinstance(one, ImportedBars)
            ]
        return MarketData(assemble_panel(found, gaps=PanelGaps.MARK))

    def synth(
        self,
        assets: int = 4,
        bars: int = 5000,
        timeframe: str | None = None,
        *,
        keep: bool = False,
        **more: Any,  # noqa: ANN401  the fields of SyntheticRequest
    ) -> MarketData:
        """Generate a synthetic market, from the seed of the settings.

        Args:
            assets: Number of assets, SYN1/USDT and up.
            bars: Bars of each.
            timeframe: That of the settings if None.
            keep: Whether to write it to the lake.
            more: Further fields of ``SyntheticRequest``.
        """
        grid = Timeframe.parse(timeframe or self._settings.market.timeframe)
        request = SyntheticRequest(assets=assets, bars=bars, timeframe=grid, **more)
        parts = self._container
        if keep:
            parts.synthesise_bars()(request, replace=True)
        made = parts.synthetic().generate(request, parts.randomness())
        return MarketData(assemble_panel(made.series, made.funding))

    def _symbols(self, symbols: Symbols | None) -> list[Symbol]:
        names = self._settings.market.symbols if symbols is None else symbols
        return [Symbol.parse(one) for one in ([names] if isinstance(names, str) else names)]

    def _require(self, wanted: Sequence[Symbol], timeframe: Timeframe) -> None:
        held = self.catalogue()
        there = {line.instrument.symbol for line in held if line.timeframe == timeframe}
        for symbol in wanted:
            if symbol in there:
                continue
            grids = [str(one.timeframe) for one in held if one.instrument.symbol == symbol]
            mend = f"it is held at {', '.join(grids)}" if grids else ""
            mend = mend or did_you_mean(str(symbol), map(str, there))
            if there and not mend:
                mend = f"held at {timeframe}: {', '.join(sorted(map(str, there)))}"
                mend += "; name them with --symbols"
            mend = mend or f"`mettle data get {symbol} -t {timeframe}` or `mettle data import FILE`"
            raise NotFound(f"no {timeframe} bars of {symbol} in the workspace", mend=mend)
