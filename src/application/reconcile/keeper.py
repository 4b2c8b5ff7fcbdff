"""What every act leaves behind: discrepancies that open and close, audit rows, mode causes."""

from __future__ import annotations

from dataclasses import replace

from ..execution.bench import Bench
from ..journal import DiscrepancyRecord
from ..ports.unit_of_work import UnitOfWork
from .causes import Causes
from .views import POSITION, Difference, discrepancy_id, is_about


class Keeper:
    """Writes down what was found and what was done about it.

    Attributes:
        open: Discrepancies that are not closed, as of the last reading and since.
        reason: Why the pass is made.
    """

    def __init__(self, bench: Bench, causes: Causes) -> None:
        self._bench = bench
        self._causes = causes
        self.open: list[DiscrepancyRecord] = []
        self.reason = "start"

    def has(self, difference: Difference) -> bool:
        """Return whether a difference has an open discrepancy."""
        return any(is_about(one, difference.kind, difference.key) for one in self.open)

    def opened(
        self, unit: UnitOfWork, difference: Difference, act: str, *, vanished: bool = False
    ) -> None:
        """Open a discrepancy, say what was done, and put up the cause that it asks for."""
        record = self._record(difference)
        if vanished:
            record = replace(record, kind=POSITION)
        unit.discrepancies.put(record)
        self.open.append(record)
        self._causes.opened([record])
        self.audit(unit, record.discrepancy_id, act)

    def closed(self, unit: UnitOfWork, record: DiscrepancyRecord, note: str) -> None:
        """Close a discrepancy."""
        unit.discrepancies.put(replace(record, closed_at=self._bench.now, note=note))
        self.open = [one for one in self.open if one.discrepancy_id != record.discrepancy_id]
        self.audit(unit, record.discrepancy_id, f"closed: {note}")

    def settled(self, unit: UnitOfWork, difference: Difference, note: str) -> None:
        """Write down a discrepancy that was settled at once."""
        record = self._record(difference)
        unit.discrepancies.put(replace(record, closed_at=record.opened_at, note=note))
        self.audit(unit, record.discrepancy_id, note)

    def _record(self, difference: Difference) -> DiscrepancyRecord:
        now = self._bench.now
        return DiscrepancyRecord(
            self._bench.plan.account,
            discrepancy_id(difference, now),
            "" if difference.symbol is None else str(difference.symbol),
            difference.kind.value,
            difference.ours,
            difference.theirs,
            now,
        )

    def audit(self, unit: UnitOfWork, subject: str, text: str) -> None:
        """Append an audit row."""
        now = self._bench.now
        unit.audit.add(
            self._bench.plan.account, subject, f"{text} (reconciliation: {self.reason})", now, now
        )
