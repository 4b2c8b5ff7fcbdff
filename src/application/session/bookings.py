"""What is written down of a booking."""

from __future__ import annotations

from ...domain.ledger import Entry
from ...domain.orders import Purpose
from ...domain.simulation import FillReason
from ..journal import LedgerRecord, PostingRecord

REASONS = {
    Purpose.REBALANCE: FillReason.REBALANCE,
    Purpose.STOP: FillReason.STOP,
    Purpose.TRAILING_STOP: FillReason.TRAILING_STOP,
    Purpose.LIQUIDATION: FillReason.LIQUIDATION,
    Purpose.RUIN: FillReason.RUIN,
    Purpose.MARGIN: FillReason.MARGIN,
    Purpose.OPERATOR: FillReason.REBALANCE,
    Purpose.FLATTEN: FillReason.RUIN,
}
"""The number under which a fill of each purpose is written down."""


def ledger_record(account: str, sequence: int, entry: Entry) -> LedgerRecord:
    """Return the row of a ledger entry."""
    return LedgerRecord(
        account,
        sequence,
        entry.kind.value,
        entry.entry_id,
        entry.occurred_at,
        entry.recorded_at,
        tuple(PostingRecord(leg.account, leg.asset, leg.amount) for leg in entry.postings),
    )
