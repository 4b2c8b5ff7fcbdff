"""Time at the exchange: what is due when, and the market's ticks between."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from .book import Book
from .path import Tick

Call = Callable[[], None]
_NEVER = 2**62


class Timeline:
    """Moves the exchange through time, everything in its order.

    Ticks are looked at only where an order waits; elsewhere the market is a function of time.

    Args:
        now_ms: The first instant, true time.
    """

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms
        self.ticks = 0
        self._due: list[tuple[int, int, Call]] = []
        self._added = 0

    def at(self, time_ms: int, call: Call) -> None:
        """Do something at an instant, or as soon as time moves if that has passed."""
        self._added += 1
        heapq.heappush(self._due, (max(time_ms, self.now), self._added, call))

    @property
    def next_due(self) -> int:
        """When the next call is due; a time far away if there is none."""
        return self._due[0][0] if self._due else _NEVER

    def advance(self, now_ms: int, books: Sequence[Book]) -> None:
        """Let time pass until ``now_ms``; a past instant changes nothing."""
        while True:
            due = self.next_due
            until = min(due, now_ms)
            if until > self.now:
                self._trade(until, books)
                self.now = until
            if due > now_ms:
                return
            heapq.heappop(self._due)[2]()

    def _trade(self, until: int, books: Sequence[Book]) -> None:
        busy = [
            (book, ticks)
            for book in books
            if not book.is_idle and (ticks := book.ticks(self.now, until))
        ]
        if len(busy) == 1:
            self._play(*busy[0])
        elif busy:
            self._play_merged(busy)

    def _play(self, book: Book, ticks: Sequence[Tick]) -> None:
        for tick in ticks:
            self.now = tick.at
            self.ticks += 1
            book.play(tick)

    def _play_merged(self, busy: list[tuple[Book, Sequence[Tick]]]) -> None:
        """Play several books in order of time; at one instant, in the books' own order."""
        entries = [
            (tick.at, index, tick) for index, (_, ticks) in enumerate(busy) for tick in ticks
        ]
        entries.sort(key=_order)
        for at, index, tick in entries:
            self.now = at
            self.ticks += 1
            busy[index][0].play(tick)


def _order(entry: tuple[int, int, Tick]) -> tuple[int, int]:
    return entry[0], entry[1]
