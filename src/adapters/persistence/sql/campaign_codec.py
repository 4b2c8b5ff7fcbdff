"""Between the attempts of a campaign and the table's rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ....application.campaign.records import AttemptStatus, Footprint, TrialAttempt

_SAME = (
    "study",
    "number",
    "attempt",
    "epoch",
    "worker",
    "not_before",
    "claimed_at",
    "heartbeat_at",
    "ended_at",
    "reseeds",
    "error_class",
    "error",
    "checkpoint",
    "digest",
)


def attempt_row(one: TrialAttempt) -> dict[str, Any]:
    """Return the row of an attempt."""
    return {name: getattr(one, name) for name in _SAME} | {
        "lineage": one.lineage,
        "status": one.status.value,
        "environments": one.footprint.environments,
        "batch": one.footprint.batch,
        "parameters": json.dumps(dict(one.parameters)),
        "figures": json.dumps(dict(one.figures), allow_nan=False),
        "told": int(one.told),
    }


def attempt_record(row: Mapping[str, Any]) -> TrialAttempt:
    """Return the attempt of a row."""
    return TrialAttempt(
        **{name: row[name] for name in _SAME},
        status=AttemptStatus(row["status"]),
        footprint=Footprint(row["environments"], row["batch"]),
        parameters=json.loads(row["parameters"]),
        figures=json.loads(row["figures"]),
        told=bool(row["told"]),
    )
