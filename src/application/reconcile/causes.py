"""The mode causes of reconciliation: put up with what they are for, taken down when it is over."""

from __future__ import annotations

from collections.abc import Iterable

from ...domain.risk import EVERY_SYMBOL, Mode
from ..execution.bench import Bench
from ..journal import DiscrepancyRecord
from .gear import CAUSE, ModeBoard
from .rules import standing

_CLEAN_ENOUGH = 2
"""Clean passes in a row before a cause is released."""


class Causes:
    """Imposes and lifts the one cause that is reconciliation's, and never another.

    The bench writes a change with the transaction that follows it.

    Attributes:
        clean: Clean passes in a row.
    """

    def __init__(self, bench: Bench, modes: ModeBoard, *, dedicated: bool) -> None:
        self._bench = bench
        self._modes = modes
        self._dedicated = dedicated
        self._imposed: set[str] | None = None
        self._blind = False
        self.clean = 0

    @property
    def are_waiting(self) -> bool:
        """Whether a cause is up that further clean passes would release."""
        return self.clean < _CLEAN_ENOUGH and bool(self._imposed)

    def forget(self) -> None:
        """Read the journal again before the next pass."""
        self.clean, self._imposed = 0, None

    def recall(self) -> None:
        """Learn from the journal which of our causes hold; they wait for clean passes."""
        if self._imposed is None:
            with self._bench.gear.store.reading() as unit:
                causes = unit.modes.all(self._bench.plan.account)
            self._imposed = {one.symbol for one in causes if one.cause == CAUSE}

    def opened(self, records: Iterable[DiscrepancyRecord]) -> set[str]:
        """Put up what open discrepancies ask for; return where."""
        wanted = standing(records, dedicated=self._dedicated)
        for symbol, (mode, reason) in wanted.items():
            self._impose(symbol, mode, reason)
        if self._imposed is not None:
            self._imposed |= set(wanted)
        return set(wanted)

    def lose_sight(self, why: str) -> bool:
        """Pause everything while balances cannot be read; return whether that is new."""
        new, self._blind, self.clean = not self._blind, True, 0
        if new:
            self._impose(EVERY_SYMBOL, Mode.PAUSED, why)
        return new

    def passed(self, records: Iterable[DiscrepancyRecord], *, clean: bool) -> bool:
        """Take the end of a pass in which everything could be read; return whether modes changed.

        What a failed reading put up ends with it; the rest waits for two clean passes, and for
        the discrepancies that ask for it.
        """
        self.clean = self.clean + 1 if clean else 0
        wanted = self.opened(records)
        imposed = self._imposed or set()
        released = imposed - wanted if self.clean >= _CLEAN_ENOUGH else set()
        if self._blind and EVERY_SYMBOL not in imposed:
            released = released | {EVERY_SYMBOL}
        self._blind = False
        self._imposed = imposed - released
        now = self._bench.now
        lifted = [self._modes.lift(CAUSE, now, symbol) for symbol in sorted(released)]
        return any(lifted)

    def _impose(self, symbol: str, mode: Mode, reason: str) -> None:
        self._modes.impose(CAUSE, mode, reason, self._bench.now, symbol)
