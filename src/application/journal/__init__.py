"""What a session writes down: plain records, all money in whole units."""

from .records import (
    AssetDecision,
    DecisionRecord,
    EquityMark,
    FillRecord,
    LedgerRecord,
    OrderRecord,
    PostingRecord,
    RunRecord,
    RunStatus,
    SeenBar,
    SnapshotRecord,
    chain_link,
)

__all__ = [
    "AssetDecision",
    "DecisionRecord",
    "EquityMark",
    "FillRecord",
    "LedgerRecord",
    "OrderRecord",
    "PostingRecord",
    "RunRecord",
    "RunStatus",
    "SeenBar",
    "SnapshotRecord",
    "chain_link",
]
