"""The data gate: which bars may be decided on."""

from __future__ import annotations

from ...domain.errors import DataError
from ...domain.market import Timeframe
from ..market.row import BarRow


class DataGate:
    """Lets through closed, contiguous, unique and fresh bars.

    A bar out of order ends the session: nothing after it can be trusted. A missing bar or a late
    one is no error; it turns into HOLD for the asset, or for all of them.

    Args:
        grace_ms: How long after its close a bar may take to be final.
    """

    def __init__(self, timeframe: Timeframe, grace_ms: int) -> None:
        self._timeframe = timeframe
        self._fresh = timeframe.milliseconds + grace_ms
        self._last: int | None = None

    def resume(self, last_open_time: int) -> None:
        """Go on after the bar that opened then."""
        self._last = last_open_time

    def admit(self, row: BarRow, now_ms: int) -> None:
        """Take the next bar.

        Raises:
            DataError: If it is not closed, not the next one, or was seen before.
        """
        if now_ms < row.close_time:
            raise DataError(
                f"the bar of {row.open_time} closes at {row.close_time}, it is {now_ms}",
                mend="check the clock of this machine",
            )
        if self._last is not None:
            expected = self._last + self._timeframe.milliseconds
            if row.open_time != expected:
                what = "again" if row.open_time <= self._last else "too early: bars are lost"
                raise DataError(
                    f"the bar of {row.open_time} came {what}; next is {expected}",
                    mend="resume the run once the feed has the missing bars",
                )
        self._last = row.open_time

    def stale(self, row: BarRow, now_ms: int) -> bool:
        """Return whether a bar is older than one interval and the grace: too old to act on."""
        return now_ms > row.close_time + self._fresh

    def window(self, row: BarRow) -> tuple[int, int]:
        """Return from when until when a bar may be acted on."""
        return row.close_time, row.close_time + self._fresh
