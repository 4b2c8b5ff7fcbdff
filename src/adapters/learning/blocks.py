"""Learning from some blocks of a panel alone, as cross-validation wants it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...application.ports.feature_builder import FeatureTable
from ...application.ports.trainer import TrainingJob
from ...domain.errors import InvalidValue
from ...domain.market import BarState
from ..simulation.market_batch import refuse_gaps


def confine(job: TrainingJob, table: FeatureTable) -> tuple[TrainingJob, FeatureTable]:
    """Return job and features in which the bars outside the job's blocks count as missing.

    So no episode starts in them or crosses from one block to the next, and the scaler does not see
    them. The features themselves are those of the whole panel: after a purge of their look-back
    none of a block's rows knows a bar that was left out.

    Raises:
        InvalidValue: If a block lies outside the panel, or two overlap.
        DataError: If a gap inside a block is refused.
    """
    if not job.blocks:
        return job, table
    inside = np.zeros(len(job.panel), dtype=np.bool_)
    for start, stop in job.blocks:
        if not 0 <= start < stop <= len(job.panel) or inside[start:stop].any():
            raise InvalidValue(
                f"a block of bars {start} … {stop} does not fit {len(job.panel)} bars, or overlaps"
            )
        if job.gaps == "refuse":
            refuse_gaps(job.panel.slice(start, stop))
        inside[start:stop] = True
    if job.gaps == "hold" and job.panel.missing[inside].any():
        raise InvalidValue(
            "positions cannot be held through gaps where training is cut into blocks",
            mend='choose gaps="segment"',
        )
    out = np.uint8(BarState.MISSING)
    state = np.where(inside[:, np.newaxis], job.panel.state, out).astype(np.uint8)
    confined = replace(job, panel=replace(job.panel, state=state), gaps="segment")
    return confined, replace(table, valid=table.valid & inside[:, np.newaxis])
