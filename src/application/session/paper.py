"""The use case: trade on paper over recorded or synthetic bars."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ...domain.errors import ConfigError, InvalidValue
from ...domain.market import Instrument
from ...domain.orders import ExecutionPolicy
from ...domain.risk import RiskEngine
from ..backtest.request import BacktestRequest, choose_period
from ..backtest.run import with_costs
from ..journal import RunRecord, RunStatus
from ..ports.clock import Clock
from ..ports.feature_builder import FeatureBuilder
from ..ports.ids import Ids
from ..ports.kill_switch import KillSwitch
from ..ports.notifier import Notifier
from ..ports.paper_market import PaperMarket
from ..ports.unit_of_work import Store
from .plan import Gear, SessionPlan
from .queries import Journal, RunStanding
from .session import TradingSession

_RUN_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")

_OVER = (RunStatus.FINISHED, RunStatus.RUINED)

RunKind = Literal["paper", "dry-run"]
_ENVIRONMENTS = {"paper": "paper", "dry-run": "dry"}
"""Part of every client order id: nothing of a dry run is ever taken for anything else's."""


@dataclass(frozen=True, slots=True)
class PaperRequest:
    """What to trade on paper.

    Attributes:
        trial: Agent, bars, settings and period, chosen exactly as for a backtest.
        kind: On paper, or a dry run: everything but the sending of orders.
        limits: The section ``[risk]`` that the desk's engine was made of, which a run keeps to its
            end; None without limits.
        run_id: A new or an earlier run's id; None makes a new one.
        grace_ms: How long after its close a bar is final.
        commit_every: Bars a transaction. One is durable bar by bar; more is faster, and after a
            crash the lost bars are played again to the same result.
    """

    trial: BacktestRequest
    run_id: str | None = None
    grace_ms: int = 3_000
    commit_every: int = 1
    kind: RunKind = "paper"
    limits: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        if self.run_id is not None and not _RUN_ID.match(self.run_id):
            raise InvalidValue(
                f"run id {self.run_id!r} must be 1 to 60 letters, digits, dots, dashes or "
                "underscores, beginning with a letter or digit"
            )
        if not 1 <= self.commit_every <= 100_000:
            raise InvalidValue(f"commit_every must lie in 1 … 100000, was {self.commit_every}")


@dataclass(frozen=True, slots=True)
class PaperDesk:
    """What paper trading works with.

    Attributes:
        holder: Names this process in the lease of the run.
    """

    features: FeatureBuilder
    market: PaperMarket
    store: Store
    clock: Clock
    ids: Ids
    engine: RiskEngine
    kill_switch: KillSwitch
    notifier: Notifier
    holder: str = ""


@dataclass(frozen=True, slots=True)
class PaperOutcome:
    """How a call of :func:`start_paper` ended.

    Attributes:
        bars: Bars lived through in this call.
        resumed: Whether the run had been begun before.
        warnings: What there is to say about the period.
    """

    standing: RunStanding
    bars: int
    resumed: bool
    warnings: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.standing.run.run_id


def start_paper(
    request: PaperRequest,
    desk: PaperDesk,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PaperOutcome:
    """Begin a run, or go on with one, until its bars end or ``should_stop`` says so.

    Args:
        on_progress: Told after each bar how many of how many are done.

    Raises:
        ConfigError: If the run was begun with another agent, settings, bars or period.
        DataError: If the period is too short or has gaps that the request refuses.
        StorageError: If the journal cannot be written or contradicts itself.
    """
    trial = with_costs(request.trial)
    table = desk.features.table(trial.panel, trial.agent.feature_set)
    period = choose_period(trial, table)
    panel = trial.panel.slice(0, period.stop)
    run_id = request.run_id or desk.ids.new("run")
    world = desk.market.open(panel, trial.settings, period.start, request.grace_ms)
    plan_text = _plan(request, trial, period.start, period.stop)
    record = _record(request, run_id, trial, plan_text, world.venue.name, desk.clock.now_ms())
    journal = Journal(desk.store)
    resumed, over = _register(desk.store, record)
    if over:
        return PaperOutcome(journal.standing(run_id), 0, resumed, period.warnings)
    stream = desk.features.stream(panel, trial.agent.feature_set)
    plan = SessionPlan(
        run_id,
        panel.instruments,
        panel.timeframe,
        trial.settings,
        request.grace_ms,
        request.commit_every,
        environment=_ENVIRONMENTS[request.kind],
        holder=desk.holder,
        policy=ExecutionPolicy(maker_wait=1_000 * trial.settings.maker_wait),
    )
    gear = Gear(
        trial.agent,
        world.feed,
        world.venue,
        stream,
        desk.store,
        world.clock,
        desk.clock,
        desk.engine,
        desk.kill_switch,
        desk.notifier,
        world.reinstate,
    )
    session = TradingSession(plan, gear)
    total = period.stop - period.start
    session.run(should_stop, lambda _: on_progress(session.position, total))
    return PaperOutcome(journal.standing(run_id), session.bars, resumed, period.warnings)


def paper_status(store: Store, run_id: str | None = None) -> RunStanding:
    """Return how a run stands; the newest if no id is given.

    Raises:
        NotFound: If there is none.
    """
    journal = Journal(store)
    return journal.standing(run_id or journal.latest())


def _plan(request: PaperRequest, trial: BacktestRequest, start: int, stop: int) -> str:
    """Return what a run was begun with, as canonical JSON: it goes on with nothing else."""
    panel = trial.panel
    plan: dict[str, object] = {
        "agent": trial.agent.name,
        "agent_hash": trial.provenance.hash,
        "features": trial.agent.feature_set.hash,
        "symbols": [str(symbol) for symbol in panel.symbols],
        "timeframe": panel.timeframe.label,
        "instruments": [_terms(one) for one in panel.instruments],
        "settings": trial.settings.to_dict(),
        "period": [int(panel.open_time[start]), int(panel.open_time[stop - 1])],
        "data": panel.slice(0, stop).data_hash,
    }
    if request.limits is not None:
        plan["risk"] = dict(request.limits)
    return json.dumps(plan, sort_keys=True)


def _record(
    request: PaperRequest, run_id: str, trial: BacktestRequest, plan: str, venue: str, now_ms: int
) -> RunRecord:
    panel = trial.panel
    return RunRecord(
        run_id,
        request.kind,
        trial.agent.name,
        panel.timeframe.label,
        tuple(str(symbol) for symbol in panel.symbols),
        venue,
        panel.instruments[0].symbol.quote,
        trial.settings.initial_cash,
        plan,
        panel.synthetic,
        now_ms,
    )


def _terms(one: Instrument) -> dict[str, object]:
    """Return an instrument's terms as they held for the run."""
    tiers = [[str(tier.volume), tier.maker_ppm, tier.taker_ppm] for tier in one.fees.tiers]
    return {
        "symbol": str(one.symbol),
        "tick": str(one.tick_size),
        "lot": str(one.lot_size),
        "min_notional": str(one.min_notional),
        "fees": tiers,
    }


def _register(store: Store, record: RunRecord) -> tuple[bool, bool]:
    """Write a new run down, or check that it is the one known; return (known, over)."""
    with store.writing() as unit:
        known = unit.runs.find(record.run_id)
        if known is None:
            unit.runs.add(record)
            unit.commit()
            return False, False
        if known.kind != record.kind:
            raise ConfigError(
                f"run {record.run_id!r} is a {known.kind} run, not a {record.kind} run",
                mend="give another --run-id",
            )
        if known.plan != record.plan:
            before, now = json.loads(known.plan), json.loads(record.plan)
            changed = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
            raise ConfigError(
                f"run {record.run_id!r} was begun with other {', '.join(changed)}",
                mend="give what it was begun with, or another --run-id",
            )
        if known.status in _OVER:
            return True, True
        unit.runs.set_status(record.run_id, RunStatus.RUNNING, None)
        unit.commit()
        return True, False
