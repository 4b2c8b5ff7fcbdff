"""FaultyFeed: a candle feed that freezes, skips, repeats, disorders and speaks too soon."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from ....application.market.row import BarRow
from ....application.ports.bar_feed import BarFeed
from ....application.ports.clock import Clock
from .exchange import SimulatedExchange
from .faults import Fault, Site

_POLL_MS = 1_000


class FaultyFeed:
    """Passes on another feed's bars, or what a fault makes of them; implements ``BarFeed``.

    A bar that a gap has swallowed is there again after a :meth:`seek`, as it is at a venue.

    Args:
        account: Whose live orders the faults are counted against.
        clock: The client's.
    """

    def __init__(
        self, inner: BarFeed, exchange: SimulatedExchange, account: str, clock: Clock
    ) -> None:
        self._inner = inner
        self._exchange = exchange
        self._account = account
        self._clock = clock
        self._ready: deque[BarRow] = deque()
        self._before: BarRow | None = None

    def history(self) -> Iterator[BarRow]:
        """Yield the other feed's history."""
        return self._inner.history()

    def seek(self, after: int | None) -> None:
        """Go on with the bar after the one that opened at ``after``; None begins with the first."""
        self._ready.clear()
        self._inner.seek(after)

    def next_due(self) -> int | None:
        """Return when the next bar may be had; while the feed is frozen, when to look again."""
        now = self._clock.now_ms()
        if self._ready:
            return now
        due = self._inner.next_due()
        return max(due, now + _POLL_MS) if due is not None and self._frozen else due

    def take(self) -> BarRow | None:
        """Return the next bar, if there is one and no fault has it."""
        if self._ready:
            return self._ready.popleft()
        if self._frozen:
            due = self._inner.next_due()
            if due is not None and due <= self._clock.now_ms():
                self._fire(Fault.FEED_FROZEN)
            return None
        row = self._inner.take()
        if row is None:
            return None
        fault = self._exchange.faults.pick(Site.FEED, self._account, self._exchange.floor.now)
        if fault is not None:
            self._fire(fault)
        found = row if fault is None else self._spoiled(row, fault)
        self._before = row
        return found

    def _spoiled(self, row: BarRow, fault: Fault) -> BarRow | None:
        """Return what is delivered instead; what follows at once waits in line."""
        if fault is Fault.FEED_GAP:
            return None
        self._ready.append(row)
        if fault is Fault.FEED_OUT_OF_ORDER and self._before is not None:
            return self._before
        return _begun(row) if fault is Fault.FEED_STILL_OPEN else row

    @property
    def _frozen(self) -> bool:
        self._exchange.sync()
        return self._exchange.faults.is_on(Fault.FEED_FROZEN, self._exchange.floor.now)

    def _fire(self, fault: Fault) -> None:
        self._exchange.faults.fire(fault, self._account)


def _begun(row: BarRow) -> BarRow:
    """Return the bar after ``row`` as it looks when it has just begun."""
    bars = tuple(
        one._replace(open=one.close, high=one.close, low=one.close, volume=0) for one in row.bars
    )
    length = row.close_time - row.open_time
    numbers = tuple(
        (row.close_time, close, close, close, close, 0, state, at_open, inside)
        for _, _, _, _, close, _, state, at_open, inside in row.numbers
    )
    return row._replace(
        open_time=row.close_time,
        close_time=row.close_time + length,
        open=row.close,
        high=row.close,
        low=row.close,
        volume=np.zeros_like(row.volume),
        bars=bars,
        numbers=numbers,
    )
