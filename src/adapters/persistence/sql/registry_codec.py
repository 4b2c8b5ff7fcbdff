"""Between the records of the model registry and the tables' rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ....application.learning.registry import (
    EventKind,
    Figures,
    Hashes,
    ModelRecord,
    ModelStatus,
    Origin,
    Paths,
    RegistryEvent,
)
from .codec import Columns
from .statements import Row

_FIGURES = Columns(Figures)
_NESTED = {
    "hashes": {
        "features": "features_hash",
        "data": "data_hash",
        "code": "code",
        "artefact": "artefact_hash",
    },
    "paths": {
        "artefact": "artefact_path",
        "logs": "logs_path",
        "checkpoints": "checkpoints_path",
    },
}
"""Column by field of the record's own records."""
_PLAIN = tuple(
    name
    for name in Columns(ModelRecord).names
    if name
    not in ("symbols", "status", "origin", "hyperparameters", "parents", "figures", *_NESTED)
)


def model_row(record: ModelRecord) -> Row:
    """Return the row of a record."""
    row: Row = {name: getattr(record, name) for name in _PLAIN}
    row |= _FIGURES.row(record.figures)
    for name, columns in _NESTED.items():
        inner = getattr(record, name)
        row |= {column: getattr(inner, one) for one, column in columns.items()}
    return row | {
        "symbols": json.dumps(record.symbols),
        "status": record.status.value,
        "origin": record.origin.value,
        "hyperparameters": json.dumps(dict(record.hyperparameters), sort_keys=True),
        "parents": json.dumps(record.parents),
    }


def model_record(row: Mapping[str, Any]) -> ModelRecord:
    """Return the record of a row."""
    values: dict[str, Any] = {name: row[name] for name in _PLAIN}
    nested = {
        name: {one: row[column] for one, column in columns.items()}
        for name, columns in _NESTED.items()
    }
    values |= {
        "synthetic": bool(row["synthetic"]),
        "symbols": tuple(json.loads(row["symbols"])),
        "status": ModelStatus(row["status"]),
        "origin": Origin(row["origin"]),
        "hyperparameters": json.loads(row["hyperparameters"]),
        "parents": tuple(json.loads(row["parents"])),
        "figures": Figures(**{name: row[name] for name in _FIGURES.names}),
        "hashes": Hashes(**nested["hashes"]),
        "paths": Paths(**nested["paths"]),
    }
    return ModelRecord(**values)


def event_row(event: RegistryEvent) -> Row:
    """Return the row of an event; the database counts it."""
    return {
        "model_id": event.model_id,
        "kind": event.kind.value,
        "subject": event.subject,
        "before": event.before,
        "after": event.after,
        "at": event.at,
        "by": event.by,
        "reason": event.reason,
    }


def event_record(row: Mapping[str, Any]) -> RegistryEvent:
    """Return the event of a row."""
    values = dict(row)
    values["sequence"] = values.pop("place")
    values["kind"] = EventKind(values["kind"])
    return RegistryEvent(**values)
