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
from .orders import FillRecord, LedgerRecord, OrderRecord, PostingRecord, fee_value
from .records import (
    AssetDecision,
    BarNumbers,
    DecisionRecord,
    EquityMark,
    RunRecord,
    RunStatus,
    SeenBar,
    SnapshotRecord,
    chain_link,
)

__all__ = [
    "AssetDecision",
    "AuditRecord",
    "BarNumbers",
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
    "fee_value",
]
