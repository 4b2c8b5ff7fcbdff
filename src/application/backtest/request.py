"""What a backtest is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError, InvalidValue
from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel
from ..ports.agent import Agent
from ..ports.feature_builder import FeatureTable
from .cost_profiles import OWN, CostProfile


class GapPolicy(Enum):
    """What to do with missing bars inside the period."""

    REFUSE = "refuse"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an agent comes from.

    Attributes:
        hash: Of the artefact or of the rule with its parameters.
        trained_from_ms, trained_until_ms: The bars it has seen, by their opens,
            ``[from, until)``; None for a rule.
    """

    hash: str = ""
    trained_from_ms: int | None = None
    trained_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """One run of one agent over one period.

    Attributes:
        panel: Bars, with the history before the start that the warm-up needs.
        start_ms, stop_ms: Decisions at bars that open in ``[start, stop)``, Unix milliseconds.
            None is the first bar after warm-up and training, and the end of the panel.
        close_at_end: Sell out at the last close, with costs; else what is open stays marked.
        allow_overlap: Accept bars that the agent was trained on; the result then says so.
        btc: Closes of BTC at the panel's bars, shape (T,), where the panel does not hold it.
        resamples: Of the bootstrap; 0 leaves the intervals out.
        level: Coverage of the intervals.
    """

    panel: MarketPanel
    agent: Agent
    settings: SimulationSettings
    provenance: Provenance = field(default_factory=Provenance)
    start_ms: int | None = None
    stop_ms: int | None = None
    gaps: GapPolicy = GapPolicy.REFUSE
    costs: CostProfile = OWN
    close_at_end: bool = False
    allow_overlap: bool = False
    btc: NDArray[np.float64] | None = None
    resamples: int = 1000
    level: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.resamples <= 100_000:
            raise InvalidValue(f"resamples must lie in 0 … 100000, was {self.resamples}")


@dataclass(frozen=True, slots=True)
class Period:
    """Panel bars ``[start, stop)`` that will be marked, and what there is to say about them."""

    start: int
    stop: int
    warnings: tuple[str, ...] = ()


Retrain = Callable[[int, int], tuple[Agent, Provenance]]
"""From the training bars ``[start, stop)`` of the panel to the agent trained on them."""


def first_ready(features: FeatureTable, agent: Agent) -> int:
    """Return the first bar at which every asset is past warm-up and the window is full.

    Raises:
        DataError: If there is none.
    """
    ready = features.valid.any(axis=0)
    if not ready.all():
        raise DataError(
            f"{agent.name} needs {features.warmup} bars to warm up, the data has "
            f"{features.valid.shape[0]}",
            mend="take a longer period",
        )
    return int(features.valid.argmax(axis=0).max()) + agent.window - 1


def choose_period(request: BacktestRequest, features: FeatureTable) -> Period:
    """Return the bars to play.

    Raises:
        DataError: If they are fewer than two, lie in the warm-up, or have gaps that the policy
            refuses.
        InvalidValue: If they overlap with the agent's training.
    """
    panel, ready = request.panel, first_ready(features, request.agent)
    start_ms = request.start_ms
    if start_ms is None and not request.allow_overlap:
        start_ms = request.provenance.trained_until_ms
    wanted = 0 if start_ms is None else int(np.searchsorted(panel.open_time, start_ms))
    stop = len(panel)
    if request.stop_ms is not None:
        stop = int(np.searchsorted(panel.open_time, request.stop_ms))
    start = max(ready, wanted)
    if stop - start < 2:
        raise DataError(
            f"the period holds {max(0, stop - start)} bars after the warm-up, 2 are needed: the "
            f"data runs from {day(panel.open_time[0])} to {day(panel.open_time[-1])}",
            mend="choose a longer period or more data",
        )
    late = (
        (f"the first {start - wanted} bars of the period went into the warm-up",)
        if request.start_ms is not None and start > wanted
        else ()
    )
    return Period(
        start, stop, late + _gaps(request, start, stop) + check_overlap(request, start, stop)
    )


def check_overlap(request: BacktestRequest, start: int, stop: int) -> tuple[str, ...]:
    """Refuse, or word, an overlap of the bars ``[start, stop)`` with the agent's training.

    Raises:
        InvalidValue: If they overlap and the request does not allow it.
    """
    first, until = request.provenance.trained_from_ms, request.provenance.trained_until_ms
    if until is None:
        return ()
    opens = request.panel.open_time
    if int(opens[start]) >= until:
        return ()
    if first is not None and int(opens[stop - 1]) < first:
        return (f"this model was trained on later bars (from {day(first)}): it knows the future",)
    said = f"this model was trained on bars up to {day(until)}"
    if not request.allow_overlap:
        raise InvalidValue(
            f"{said}, the test begins at {day(int(opens[start]))}",
            mend=f"begin at {day(until)} or later, or allow the overlap (--allow-overlap)",
        )
    return (f"{said}: the test overlaps with its training and proves nothing",)


def day(time_ms: int) -> str:
    """Return ``2026-01-31`` or, off midnight, ``2026-01-31 14:00``."""
    text = datetime.fromtimestamp(int(time_ms) / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    return text.removesuffix(" 00:00")


def _gaps(request: BacktestRequest, start: int, stop: int) -> tuple[str, ...]:
    missing = request.panel.missing[start:stop]
    count = int(missing.sum())
    if not count:
        return ()
    bar, asset = (int(one) for one in np.argwhere(missing)[0])
    where = f"{request.panel.symbols[asset]} at {day(request.panel.open_time[start + bar])}"
    if request.gaps is GapPolicy.REFUSE:
        raise DataError(
            f"{count} bars are missing, the first of {where}",
            mend="choose another period, or hold positions through them (--gaps hold)",
        )
    return (f"{count} missing bars were held through, the first of {where}",)
