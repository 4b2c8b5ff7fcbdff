"""Writes down the bars as the session saw them, each chained to the one before it."""

from __future__ import annotations

from collections.abc import Sequence

from ..journal import SeenBar, chain_link
from ..market.row import BarRow
from ..ports.unit_of_work import UnitOfWork


class BarRecorder:
    """Keeps the hash chain of each symbol's bars."""

    def __init__(self, run_id: str, symbols: Sequence[str]) -> None:
        self._run_id = run_id
        self._symbols = tuple(symbols)
        self._chains = dict.fromkeys(symbols, "")

    def resume(self, chains: dict[str, str]) -> None:
        """Go on where the journal ends."""
        self._chains = dict(chains)

    def seen(self, unit: UnitOfWork, row: BarRow, seen_at: int) -> None:
        """Write down the bars of an instant."""
        bars, run_id, chains = [], self._run_id, self._chains
        for symbol, numbers in zip(self._symbols, row.numbers, strict=True):
            chains[symbol] = chain = chain_link(chains[symbol], symbol, numbers)
            bars.append(SeenBar(run_id, symbol, *numbers, seen_at, chain))
        unit.bars.add(bars)
