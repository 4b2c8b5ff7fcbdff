"""Rebuilding a session from its journal: books from fills and ledger, features from bars."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...domain.errors import DataError, StorageError
from ...domain.market import BarState, Timeframe
from ...domain.simulation import AssetBar, interpolate_wait
from ..journal import EquityMark, FillRecord, LedgerRecord, SeenBar
from ..market.row import BarRow
from ..ports.bar_feed import BarFeed
from ..ports.unit_of_work import UnitOfWork
from .books import Books
from .observer import Observer

FEATURES = "features"
"""Name of the indicators' snapshot."""

_DAMAGED = "restore a backup of the database, or start a new run"


@dataclass(frozen=True, slots=True)
class Recovered:
    """Where a journal ends.

    Attributes:
        last: The last bar seen.
        bars: Bars seen in all.
        mark: The last mark; None, or of an earlier bar, if a ruin was under way.
        trades: Fills of the last bar.
        chains: The hash chain of each symbol's bars.
    """

    last: BarRow
    bars: int
    mark: EquityMark | None
    trades: int
    chains: dict[str, str]


def row_of(bars: Sequence[SeenBar], timeframe: Timeframe, maker_wait: int) -> BarRow:
    """Return the row that the journalled bars of one instant make."""
    parts = []
    for bar in bars:
        wait = interpolate_wait(
            bar.open, bar.high, bar.low, bar.close, maker_wait, timeframe.seconds
        )
        parts.append(
            AssetBar(
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume,
                bar.state == BarState.MISSING,
                bar.funding_open,
                bar.funding_inside,
                wait.low,
                wait.high,
                wait.price_buy,
                wait.price_sell,
            )
        )
    return BarRow(
        bars[0].open_time,
        bars[0].open_time + timeframe.milliseconds,
        np.array([bar.open for bar in bars], dtype=np.int64),
        np.array([bar.high for bar in bars], dtype=np.int64),
        np.array([bar.low for bar in bars], dtype=np.int64),
        np.array([bar.close for bar in bars], dtype=np.int64),
        np.array([bar.volume for bar in bars], dtype=np.int64),
        np.array([bar.state for bar in bars], dtype=np.uint8),
        tuple(parts),
        [bar.close for bar in bars],
        tuple(bar.numbers for bar in bars),
    )


class Recovery:
    """Replays one run's journal into fresh books and a fresh observer.

    Everything that is rebuilt is compared with what was written; a difference is refused, never
    papered over.

    Args:
        on_bars: Whether all that is booked belongs to a bar; else fills come between the bars, and
            the last mark says nothing about what was booked after it.
    """

    def __init__(
        self,
        unit: UnitOfWork,
        run_id: str,
        account: str,
        symbols: Sequence[str],
        timeframe: Timeframe,
        maker_wait: int,
        *,
        on_bars: bool = True,
    ) -> None:
        self._unit = unit
        self._run_id = run_id
        self._account = account
        self._symbols = tuple(symbols)
        self._timeframe = timeframe
        self._maker_wait = maker_wait
        self._on_bars = on_bars
        self._chains = dict.fromkeys(symbols, "")

    def replay(self, books: Books, observer: Observer | None, feed: BarFeed) -> Recovered | None:
        """Rebuild the session; None if no bar was seen yet.

        Args:
            observer: None rebuilds the books alone.

        Raises:
            StorageError: If the journal contradicts itself or was changed.
        """
        features_until = None
        entries = _Entries(self._unit, self._account, books)
        seen = self._unit.bars.last_time(self._run_id) is not None
        if observer is not None and seen:
            features_until = self._features(observer, feed)
        last: BarRow | None = None
        bars = 0
        for row in self._rows() if seen else ():
            bars += 1
            entries.until(row.close_time - 1)
            books.live_through(row)
            if observer is not None and (features_until is None or row.open_time > features_until):
                observer.take(row)
            last = row
        entries.until(None)
        books.were_read()
        if last is None:
            return None
        mark = self._unit.marks.last(self._run_id)
        self._compare(books, last, mark)
        return Recovered(last, bars, mark, entries.trades_of(last.open_time), self._chains)

    def _features(self, observer: Observer, feed: BarFeed) -> int | None:
        snapshot = self._unit.snapshots.get(self._run_id, FEATURES)
        if snapshot is not None:
            try:
                observer.restore(snapshot.content)
            except DataError:
                # A shortcut only: the bars are the truth, and are all here.
                pass
            else:
                return snapshot.bar_time
        observer.warm_up(feed.history())
        return None

    def _rows(self) -> Iterator[BarRow]:
        seen = self._unit.bars.after(self._run_id, None)
        for open_time, group in itertools.groupby(seen, key=lambda bar: bar.open_time):
            bars = list(group)
            if tuple(bar.symbol for bar in bars) != self._symbols:
                raise StorageError(
                    f"run {self._run_id}: the bars of {open_time} are not those of "
                    f"{', '.join(self._symbols)}",
                    mend=_DAMAGED,
                )
            for bar in bars:
                self._chains[bar.symbol] = bar.link(self._chains[bar.symbol])
                if self._chains[bar.symbol] != bar.chain:
                    raise StorageError(
                        f"run {self._run_id}: the bar of {bar.symbol} at {open_time} or one "
                        "before it was changed after it was written",
                        mend=_DAMAGED,
                    )
            yield row_of(bars, self._timeframe, self._maker_wait)

    def _compare(self, books: Books, last: BarRow, mark: EquityMark | None) -> None:
        # Each entry has just been added up: to add them all once more would prove nothing new.
        books.prove_identity(last)
        if not self._on_bars or mark is None or mark.bar_time != last.open_time:
            return
        rebuilt = books.mark(last, mark.recorded_at)
        if rebuilt != mark:
            raise StorageError(
                f"run {self._run_id}: the journal rebuilds to {rebuilt}, but {mark} was written",
                mend=_DAMAGED,
            )


class _Entries:
    """Books the ledger's entries again, in their order, and checks each against what is written."""

    def __init__(self, unit: UnitOfWork, account: str, books: Books) -> None:
        self._books = books
        self._entries = unit.ledger.all(account)
        self._fills = unit.fills.all(account)
        self._next = next(self._entries, None)
        self._bars: list[int] = []

    def trades_of(self, bar_time: int) -> int:
        """Return how many fills one bar had."""
        return self._bars.count(bar_time)

    def until(self, time_ms: int | None) -> None:
        """Book what occurred up to ``time_ms``; None is everything. The deposit comes always."""
        while (entry := self._next) is not None:
            late = time_ms is not None and entry.occurred_at > time_ms
            if late and entry.kind != "deposit":
                return
            booked = self._book(entry)
            if booked != entry:
                raise StorageError(
                    f"ledger entry {entry.sequence}: {entry} was written, the events say {booked}",
                    mend=_DAMAGED,
                )
            self._next = next(self._entries, None)

    def _book(self, entry: LedgerRecord) -> LedgerRecord:
        if entry.kind == "deposit":
            return self._books.open(entry.occurred_at, entry.recorded_at)
        if entry.kind == "funding":
            return self._books.refund(entry)
        if entry.kind in {"external", "suspense"}:
            return self._books.readjust(entry)
        fill = next(self._fills, None)
        if fill is None:
            raise StorageError(f"ledger entry {entry.sequence} has no fill", mend=_DAMAGED)
        return self._fill(fill)

    def _fill(self, fill: FillRecord) -> LedgerRecord:
        if (worth := self._books.fee_of(fill)) != fill.fee:
            raise StorageError(
                f"fill {fill.trade_id}: a fee of {fill.fee} was written, {fill.fee_amount} "
                f"{fill.fee_asset} is worth {worth}",
                mend=_DAMAGED,
            )
        realised, entry = self._books.fill(fill)
        if realised != fill.realised:
            raise StorageError(
                f"fill {fill.trade_id}: {fill.realised} was realised, the books say {realised}",
                mend=_DAMAGED,
            )
        self._bars.append(fill.bar_time)
        return entry
