"""Recorded bars, delivered as if they closed now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...application.market import MarketPanel
from ...application.market.row import BarRow, panel_rows
from ...application.ports.clock import Clock
from ...domain.errors import DataError


class ReplayFeed:
    """Rows of a panel, each delivered when the clock says that it has closed.

    Args:
        start: First row that is traded; those before it are history.
        grace_ms: How long after its close a bar is final.
        on_close: Called with each row before it is delivered: the world moves before we hear of
            it. The simulated venue listens here.
        maker_wait: See :func:`~mettle.application.market.row.panel_rows`.
    """

    def __init__(
        self,
        panel: MarketPanel,
        clock: Clock,
        *,
        start: int = 0,
        grace_ms: int = 3_000,
        on_close: Callable[[BarRow], None] | None = None,
        maker_wait: int = 120,
    ) -> None:
        if not 0 <= start < len(panel):
            raise DataError(f"cannot start at bar {start} of a panel of {len(panel)}")
        self._panel = panel
        self._clock = clock
        self._start = start
        self._grace_ms = grace_ms
        self._on_close = on_close
        self._maker_wait = maker_wait
        self._rows: Iterator[BarRow] = iter(())
        self._next: BarRow | None = None
        self.seek(None)

    def history(self) -> Iterator[BarRow]:
        """Yield the rows before the start."""
        return panel_rows(self._panel, 0, self._start, self._maker_wait)

    def seek(self, after: int | None) -> None:
        """Go on with the row after the bar that opened at ``after``."""
        first = self._start
        if after is not None:
            step = self._panel.timeframe.milliseconds
            first = (after - int(self._panel.open_time[0])) // step + 1
            if not self._start < first <= len(self._panel):
                raise DataError(
                    f"the bar of {after} is not among those to replay",
                    mend="resume with the period that the run began with",
                )
        self._rows = panel_rows(self._panel, first, len(self._panel), self._maker_wait)
        self._next = next(self._rows, None)

    def next_due(self) -> int | None:
        """Return when the next row is final."""
        return None if self._next is None else self._next.close_time + self._grace_ms

    def take(self) -> BarRow | None:
        """Return the next row if it is final by now."""
        row = self._next
        if row is None or self._clock.now_ms() < row.close_time + self._grace_ms:
            return None
        self._next = next(self._rows, None)
        if self._on_close is not None:
            self._on_close(row)
        return row
