"""The end of a study: its choice trained once more on all it may see; the hold-out opened once.

A trial's own model has seen only what came before its last test, and a training may come to nothing
where another seed would not. So the winning settings are trained again from several seeds on every
bar before the hold-out. The one that earns most on those same bars is kept: that tells a training
that failed from one that did not, and looks at nothing that is to judge it. The hold-out then is
opened for that one model, and the registry remembers it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ...domain.errors import InvalidValue, NotFound
from ...domain.performance import fill_totals, simple_returns
from ..backtest import BacktestRequest, BacktestResult, Provenance, run_backtest
from ..learning.registry import Ending, Figures, Hashes, ModelRecord, ModelStatus, Paths
from ..ports.agent import Agent
from ..ports.clock import Clock
from ..ports.model_registry import ModelRegistry
from ..ports.trial_files import FoldResult
from .definition import CampaignDefinition
from .objective import Bench, figures, score
from .records import TrialAttempt
from .registering import model_id


@dataclass(frozen=True, slots=True)
class FinalTask:
    """One training of the choice.

    Attributes:
        name: Of the model.
        first, stop: Panel bars that it may see, ``[first, stop)``.
        folder: For checkpoints.
    """

    name: str
    attempt: TrialAttempt
    seed: int
    first: int
    stop: int
    folder: Path


class Candidate(Protocol):
    """What one training of the choice brought."""

    @property
    def agent(self) -> Agent:
        """What decides."""

    @property
    def provenance(self) -> Provenance:
        """What it has seen."""

    @property
    def called(self) -> str:
        """What it is asked for by, once it is kept."""

    def keep(self) -> str:
        """Keep it as the study's model and return its digest, "" for a rule."""


class FinalMaker(Protocol):
    """Trains a study's choice."""

    def final(self, task: FinalTask) -> Candidate:
        """Return the choice, trained on the task's bars."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a study came to.

    Attributes:
        model: Name of the model, or the rule with its parameters: either can be traded by it.
        scores: Sharpe ratio of a bar that each training earned on the bars that it has seen.
        chosen: Which of them was kept.
        holdout: Figures on the hold-out, the Sharpe ratio annualised and with its block-bootstrap
            interval; None if nothing was held out.
    """

    study: str
    model: str
    digest: str
    trial: int
    scores: Sequence[float]
    chosen: int
    holdout: Figures | None


@dataclass(frozen=True, slots=True)
class FinalTools:
    """What a study is finished with.

    Attributes:
        request: All bars of the study; agent and period are replaced.
        first: The first bar that a training may see.
        annual: √(bars a year).
        folder: Of the study's files.
    """

    request: BacktestRequest
    first: int
    bench: Bench
    maker: FinalMaker
    registry: ModelRegistry
    clock: Clock
    annual: float
    code_version: str
    folder: Path


class FinishStudy:
    """Trains the choice on all bars before the hold-out and opens the hold-out, once."""

    def __init__(self, definition: CampaignDefinition, tools: FinalTools) -> None:
        self._definition = definition
        self._tools = tools
        self._stop = int(len(tools.request.panel) * (1 - definition.holdout))

    @property
    def name(self) -> str:
        """Name of the final model, and its id in the registry."""
        return f"{self._definition.study}-final"

    def __call__(self, best: TrialAttempt, candidates: int) -> Finished:
        """Train ``candidates`` models of the best trial's settings, keep one, judge it.

        Raises:
            InvalidValue: If the hold-out has been opened before.
        """
        begun = self._begin(best)
        tried = [self._train(best, seed) for seed in range(candidates)]
        scores = [self._seen(one) for one in tried]
        chosen = max(range(len(tried)), key=scores.__getitem__)
        digest = tried[chosen].keep()
        held = self._judge(tried[chosen]) if self._stop < len(self._tools.request.panel) else None
        now = self._tools.clock.now_ms()
        ending = Ending(
            status=ModelStatus.COMPLETED,
            at=now,
            duration_s=(now - begun) / 1000,
            figures=held or Figures(),
            hashes=Hashes(artefact=digest),
            paths=Paths(artefact=self.name if digest else ""),
        )
        self._tools.registry.finish(self.name, ending)
        model = tried[chosen].called
        study = self._definition.study
        return Finished(study, model, digest, best.number, scores, chosen, held)

    def _begin(self, best: TrialAttempt) -> int:
        """Register the model; one that was cut short before goes on."""
        registry, now = self._tools.registry, self._tools.clock.now_ms()
        try:
            held = registry.get(self.name)
        except NotFound:
            registry.register(self._record(best, now))
            return now
        if held.status is ModelStatus.TRAINING and held.trial == best.number:
            return held.created_at
        raise InvalidValue(
            f"study {self._definition.study} is finished: its hold-out has been opened by "
            f"{self.name}, and who looks twice chooses by it",
            mend=f"mettle models show {self.name}; another study needs bars that none has seen",
        )

    def _record(self, best: TrialAttempt, now: int) -> ModelRecord:
        definition = self._definition
        return ModelRecord(
            model_id=self.name,
            name=self.name,
            study=definition.study,
            trial=best.number,
            timeframe=definition.timeframe,
            symbols=definition.symbols,
            created_at=now,
            seed=definition.seed,
            synthetic=self._tools.request.panel.synthetic,
            hyperparameters={"agent": definition.agent, **best.parameters},
            parents=(model_id(best),),
            hashes=Hashes(data=definition.data_hash, code=self._tools.code_version),
        )

    def _train(self, best: TrialAttempt, number: int) -> Candidate:
        step = best.number + 1_000_003 * (number + 1)
        task = FinalTask(
            self.name,
            best,
            (self._definition.seed + 15_485_863 * step) % 2**31,
            self._tools.first,
            self._stop,
            self._tools.folder / f"final-{number:02d}",
        )
        return self._tools.maker.final(task)

    def _seen(self, candidate: Candidate) -> float:
        request = replace(self._request(candidate, self._tools.first), allow_overlap=True)
        shown = request.panel.slice(0, self._stop)
        return score(simple_returns(self._play(replace(request, panel=shown, resamples=0)).nav))

    def _judge(self, candidate: Candidate) -> Figures:
        result = self._play(self._request(candidate, self._stop))
        traded = fill_totals(result.run.fills, result.panel.unit_values).notional
        notes: Mapping[str, Any] = {"turnover": float(traded), "trades": float(len(result.trades))}
        found = figures([FoldResult(simple_returns(result.nav), notes)])
        ratio, trades = found["sharpe"], found["trades"]
        # Under 30 days the metrics are of a bar; the registry's are annual, however short.
        factor = 1.0 if result.metrics.annualised else self._tools.annual
        low, high = result.sharpe_interval or (None, None)
        return Figures(
            sharpe=None if ratio is None else ratio * self._tools.annual,
            sharpe_low=None if low is None else low * factor,
            sharpe_high=None if high is None else high * factor,
            total_return=found["total_return"],
            max_drawdown=found["drawdown"],
            trades=None if trades is None else int(trades),
            measured_on=f"hold-out, the last {self._definition.holdout:.0%}, opened once",
        )

    def _request(self, candidate: Candidate, start: int) -> BacktestRequest:
        return replace(
            self._tools.request,
            agent=candidate.agent,
            provenance=candidate.provenance,
            start_ms=int(self._tools.request.panel.open_time[start]),
            stop_ms=None,
            close_at_end=True,
        )

    def _play(self, request: BacktestRequest) -> BacktestResult:
        bench = self._tools.bench
        return run_backtest(request, bench.features, bench.engine, bench.randomness)
