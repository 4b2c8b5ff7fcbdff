"""Bars as a user of the library holds them: a window on a panel."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..application.market import MarketPanel
from ..domain.errors import InvalidValue, NotFound
from .frames import load_pandas
from .settings.texts import to_ms

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Instant = str | date | datetime | int
"""An ISO date or instant (UTC without an offset), or Unix milliseconds."""

_SPAN = re.compile(r"^\s*(\d+)\s*(m|h|d|w|mo|y)\s*$")
_SPAN_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_DAYS = {"mo": 30, "y": 365}


@dataclass(frozen=True, slots=True)
class MarketData:
    """Bars of some symbols over some period, with the history before it for warm-up.

    Attributes:
        panel: All bars; those before ``start`` are history only.
        start, stop: Positions in the panel of the period's first bar and of the one after its last.
        kind: Which frames it came from and :meth:`frame` gives back.
    """

    panel: MarketPanel
    start: int = 0
    stop: int = -1
    kind: Literal["polars", "pandas"] = "polars"

    def __post_init__(self) -> None:
        if self.stop < 0:
            object.__setattr__(self, "stop", len(self.panel))
        if not 0 <= self.start < self.stop <= len(self.panel):
            raise NotFound("no bars in the period asked for", mend="see `mettle data list`")

    def __len__(self) -> int:
        return self.stop - self.start

    def __repr__(self) -> str:
        word = "synthetic " if self.synthetic else ""
        names = ", ".join(self.symbols)
        return f"<{word}MarketData {names} {self.timeframe}: {len(self)} bars, {self.period}>"

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in column order."""
        return tuple(map(str, self.panel.symbols))

    @property
    def timeframe(self) -> str:
        """The bars' length."""
        return self.panel.timeframe.label

    @property
    def synthetic(self) -> bool:
        """Whether the bars were generated."""
        return self.panel.synthetic

    @property
    def start_ms(self) -> int:
        """Open of the first bar, Unix milliseconds."""
        return int(self.panel.open_time[self.start])

    @property
    def stop_ms(self) -> int:
        """End of the last bar, Unix milliseconds."""
        return int(self.panel.open_time[self.stop - 1]) + self.panel.timeframe.milliseconds

    @property
    def period(self) -> str:
        """First and last day, in words."""
        first, last = (
            datetime.fromtimestamp(ms / 1000, UTC) for ms in (self.start_ms, self.stop_ms)
        )
        return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"

    @property
    def window(self) -> MarketPanel:
        """The bars of the period alone."""
        return self.panel.slice(self.start, self.stop)

    @property
    def with_history(self) -> MarketPanel:
        """The bars of the period with the history before it."""
        return self.panel.slice(0, self.stop)

    def split(self, when: Instant) -> tuple[MarketData, MarketData]:
        """Return the bars that open before ``when`` and those from it on.

        The second part keeps the first as history, so that indicators are warm from its first bar.

        Raises:
            InvalidValue: If ``when`` is no instant, or one side would be empty.
        """
        at = int(np.searchsorted(self.panel.open_time, as_ms(when)))
        if not self.start < at < self.stop:
            raise InvalidValue(
                f"cannot split at {when}: the data runs from {self.period}",
                mend="choose a date inside the period",
            )
        return replace(self, stop=at), replace(self, start=at)

    def between(self, start: Instant | None = None, stop: Instant | None = None) -> MarketData:
        """Return the bars that open in ``[start, stop)``, with what lies before as history.

        Raises:
            NotFound: If there are none.
        """
        times = self.panel.open_time
        first = self.start if start is None else int(np.searchsorted(times, as_ms(start)))
        last = self.stop if stop is None else int(np.searchsorted(times, as_ms(stop)))
        return replace(self, start=max(first, self.start), stop=min(last, self.stop))

    def to_polars(self) -> pl.DataFrame:
        """Return a long frame: timestamp, symbol, open, high, low, close, volume.

        Prices and volumes are float64 in units of the quote and the base; missing bars are absent.
        """
        import polars as pl

        return pl.DataFrame(self._columns()).with_columns(
            pl.col("timestamp").cast(pl.Datetime("ms", "UTC"))
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return the same as :meth:`to_polars` for pandas.

        Raises:
            NotFound: If pandas is not installed.
        """
        pandas = load_pandas()
        columns = self._columns()
        columns["timestamp"] = pandas.to_datetime(columns["timestamp"], unit="ms", utc=True)
        frame: pd.DataFrame = pandas.DataFrame(columns)
        return frame

    def frame(self) -> pl.DataFrame | pd.DataFrame:
        """Return a frame of the kind that came in; polars if the bars came from the lake."""
        return self.to_pandas() if self.kind == "pandas" else self.to_polars()

    def _columns(self) -> dict[str, Any]:
        panel = self.window
        there = ~panel.missing
        rows, assets = np.nonzero(there)
        tick = np.array([float(one.tick_size) for one in panel.instruments])
        lot = np.array([float(one.lot_size) for one in panel.instruments])
        names = np.array([str(symbol) for symbol in panel.symbols], dtype=object)
        columns: dict[str, Any] = {"timestamp": panel.open_time[rows], "symbol": names[assets]}
        for name in ("open", "high", "low", "close"):
            columns[name] = (getattr(panel, name) * tick)[there]
        columns["volume"] = (panel.volume * lot)[there]
        return columns


def as_ms(when: Instant) -> int:
    """Return an instant as Unix milliseconds.

    Raises:
        InvalidValue: If it is none.
    """
    if isinstance(when, int):
        return when
    text = when if isinstance(when, str) else when.isoformat()
    try:
        return to_ms(text)
    except ValueError as error:
        raise InvalidValue(f"{when!r} {error}") from None


def span_ms(text: str) -> int:
    """Return the length of ``30d``, ``6mo`` or ``2y`` in milliseconds; 30 and 365 days each.

    Raises:
        InvalidValue: If the text is not of that shape.
    """
    found = _SPAN.match(text)
    if found is None or not int(found[1]):
        raise InvalidValue(f"{text!r} is no length of time", mend="write it as 12h, 30d, 6mo or 2y")
    unit = _SPAN_MS.get(found[2]) or _DAYS[found[2]] * _SPAN_MS["d"]
    return int(found[1]) * unit
