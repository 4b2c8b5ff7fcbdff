"""Beginning a run: on paper, or dry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ..application.backtest import BacktestRequest
from ..application.session.paper import (
    PaperDesk,
    PaperOutcome,
    PaperRequest,
    RunKind,
    start_paper,
)
from ..domain.errors import RefusedForSafety
from ..domain.risk import RiskEngine
from .container import ApplicationContainer
from .settings.risk import RiskSection


@dataclass(frozen=True, slots=True)
class RunWish:
    """What is to run.

    Attributes:
        run_id: A new or an earlier run's; None makes a new one.
        limits: What it keeps to; None is nothing, as its backtest does.
    """

    kind: RunKind
    trial: BacktestRequest
    run_id: str | None
    limits: RiskSection | None
    commit_every: int = 1


class Place(Protocol):
    """Where runs are; a workspace is one."""

    container: ApplicationContainer


def begin_run(
    place: Place,
    desk: PaperDesk,
    wish: RunWish,
    should_stop: Callable[[], bool],
    on_progress: Callable[[int, int], None],
) -> PaperOutcome:
    """Begin a run, or go on with one.

    Raises:
        RefusedForSafety: If another process is at work on it, or it is new and everything is
            killed.
        ConfigError: If it was begun with something else.
    """
    parts = place.container
    named = parts.ids().new("run") if wish.run_id is None else wish.run_id
    _refuse_if_killed(parts, named)
    limits = None if wish.limits is None else wish.limits.model_dump(mode="json")
    if wish.limits is not None:
        desk = replace(desk, engine=RiskEngine(wish.limits.to_domain()))
    request = PaperRequest(
        wish.trial, named, commit_every=wish.commit_every, kind=wish.kind, limits=limits
    )
    with parts.claims().hold("run", named):
        return start_paper(request, desk, should_stop, on_progress)


def _refuse_if_killed(parts: ApplicationContainer, run_id: str) -> None:
    """Begin nothing new under a kill; a run that goes on cancels and closes, and no more."""
    reason = parts.kill_switch().reason(run_id)
    if reason is None:
        return
    with parts.store().reading() as unit:
        if unit.runs.find(run_id) is None:
            raise RefusedForSafety(
                f"no run may begin, there was a {reason}",
                mend="`mettle risk reset kill` re-arms",
            )
