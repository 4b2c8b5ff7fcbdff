"""What a session writes down: plain records, all money in whole units."""

from .control import (
    AuditRecord,
    BreakerRecord,
    ControlRecord,
    ControlVerb,
    DiscrepancyRecord,
    IntentRecord,
    IntentStatus,
    LeaseRecord,
)
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
    "AuditRecord",
    "BreakerRecord",
    "ControlRecord",
    "ControlVerb",
    "DecisionRecord",
    "DiscrepancyRecord",
    "EquityMark",
    "FillRecord",
    "IntentRecord",
    "IntentStatus",
    "LeaseRecord",
    "LedgerRecord",
    "OrderRecord",
    "PostingRecord",
    "RunRecord",
    "RunStatus",
    "SeenBar",
    "SnapshotRecord",
    "chain_link",
]
