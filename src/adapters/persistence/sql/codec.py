"""Between the records of a run and the tables' rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from ....application.journal import (
    AssetDecision,
    DecisionRecord,
    EquityMark,
    RunRecord,
    RunStatus,
    SeenBar,
    SnapshotRecord,
)
from .statements import Row, Values


class Columns:
    """The fields of a record that are columns of the same name."""

    def __init__(self, kind: type[Any]) -> None:
        self.names = tuple(one.name for one in fields(kind))
        self._read = attrgetter(*self.names)

    def row(self, record: object) -> Row:
        """Return the columns of a record."""
        return dict(zip(self.names, self._read(record), strict=True))


_RUN = Columns(RunRecord)
_SNAPSHOT = Columns(SnapshotRecord)


def run_row(run: RunRecord) -> Row:
    """Return the row of a run."""
    return _RUN.row(run) | {"symbols": json.dumps(run.symbols), "status": run.status.value}


def run_record(row: Mapping[str, Any]) -> RunRecord:
    """Return the run of a row."""
    values = dict(row)
    values["symbols"] = tuple(json.loads(values["symbols"]))
    values["status"] = RunStatus(values["status"])
    values["synthetic"] = bool(values["synthetic"])
    return RunRecord(**values)


def bar_values(bar: SeenBar, place: int) -> Values:
    """Return the columns of a bar; ``place`` is its asset's place in the instant."""
    run_id, symbol, open_time, *rest = bar
    return run_id, open_time, place, symbol, *rest


def bar_record(row: Mapping[str, Any]) -> SeenBar:
    """Return the bar of a row."""
    return SeenBar(**{name: row[name] for name in SeenBar._fields})


def decision_values(decision: DecisionRecord) -> Values:
    """Return the columns of a decision."""
    return decision[:-1]


def asset_values(decision: DecisionRecord) -> list[Values]:
    """Return the columns of a decision's assets."""
    run_id, bar_time = decision.run_id, decision.bar_time
    return [(run_id, bar_time, place, *asset) for place, asset in enumerate(decision.assets)]


def decision_record(row: Mapping[str, Any], assets: Sequence[Mapping[str, Any]]) -> DecisionRecord:
    """Return the decision of a row and its assets' rows."""
    parts = tuple(
        AssetDecision(**{name: one[name] for name in AssetDecision._fields}) for one in assets
    )
    return DecisionRecord(**row, assets=parts)


def mark_record(row: Mapping[str, Any]) -> EquityMark:
    """Return the mark of a row."""
    return EquityMark(**row)


def snapshot_row(snapshot: SnapshotRecord) -> Row:
    """Return the row of a snapshot."""
    return _SNAPSHOT.row(snapshot)


def snapshot_record(row: Mapping[str, Any]) -> SnapshotRecord:
    """Return the snapshot of a row."""
    return SnapshotRecord(**{**row, "content": bytes(row["content"])})
