"""The Python face: `mettle.open(...)` and everything that hangs from it.

The library prints nothing, never exits, and raises the typed errors of ``mettle.domain.errors``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from ..application.backtest import (
    BacktestRequest,
    BacktestResult,
    GapPolicy,
    WalkForward,
    cost_profile,
    run_backtest,
    run_walk_forward,
)
from ..application.learning.artefact import check_name
from ..application.ports.trainer import ProgressCallback, TrainingJob
from ..domain.errors import InvalidValue, NotFound
from ..domain.money import exact
from .accounts import Accounts
from .agents import Chosen, choose, free_name, name_held
from .campaigns import Studies
from .container import ApplicationContainer
from .market_data import MarketData
from .model_registry import ModelRegistryFace
from .paper import DryRun, PaperRun
from .places import CONFIG_NAME, find, user_folder
from .research import Research
from .results import Backtest, Model, Study
from .running import RunWish, begin_run
from .scaffold import make_workspace
from .settings import Resolved, Settings, resolve
from .workspace_data import WorkspaceData


def open_workspace(
    path: str | Path | None = None,
    *,
    profile: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> Workspace:
    """Open a workspace, and make it if there is nothing yet at its place.

    Args:
        path: Its folder; the project upward of here, else the user's own folder, if None.
        profile: A named profile of settings.
        settings: Settings by dotted key (``{"simulation.slippage": "7 bp"}``), over all others.

    Raises:
        ConfigError: If a setting breaks a rule.
        NotFound: If the folder holds other things and no ``mettle.toml``.
    """
    try:
        places = find(Path(path) if path is not None else None)
    except NotFound:
        home = Path(path).expanduser().absolute() if path is not None else _home()
        if home.is_dir() and any(home.iterdir()):
            raise
        make_workspace(home)
        places = find(home)
    return Workspace(resolve(places, flags=settings, profile=profile))


def _home() -> Path:
    named = os.environ.get("METTLE_HOME")
    return Path(named).expanduser().absolute() if named else user_folder()


class Workspace(Accounts):
    """A folder with settings, candles, models, runs and reports.

    Also a context manager; :meth:`close` releases the database.
    """

    def __init__(self, resolved: Resolved) -> None:
        self.resolved = resolved
        self.container = ApplicationContainer(resolved=resolved)
        self.data = WorkspaceData(self.container, resolved.settings)
        self.research = Research(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<mettle workspace {self.home}>"

    @property
    def home(self) -> Path:
        """The folder."""
        return self.resolved.places.home

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.resolved.settings

    @property
    def studies(self) -> Studies:
        """Campaigns: many trials of one idea."""
        return Studies(self)

    @property
    def registry(self) -> ModelRegistryFace:
        """Every attempt at a model, who serves, and the models' files."""
        return ModelRegistryFace(self.container, self.settings)

    def close(self) -> None:
        """Release the database; the workspace can be used again afterwards."""
        self.container.shutdown_resources()

    def train(
        self,
        data: MarketData,
        *,
        study: str,
        frames: int | None = None,
        seed: int | None = None,
        gaps: Literal["refuse", "segment", "hold"] | None = None,
        replace: bool = False,
        resume: bool = False,
        on_progress: ProgressCallback | None = None,
    ) -> Study:
        """Train one model on bars.

        Args:
            data: The training bars; only they are seen, history before them is not.
            study: Name of the study, and of its model.
            frames: Environment steps; as in the settings if None.
            seed: As in the settings if None.
            gaps: What to do with missing bars; as in the settings if None.
            replace: Whether a model of that name may be replaced.
            resume: Whether to go on from the last checkpoint of that name.
            on_progress: Called now and then with a ``TrainingProgress``.

        Raises:
            InvalidValue: If the name is taken or cannot name a model.
            RefusedForSafety: If another process trains a study of that name.
            DataError: If there are too few bars, or gaps that the settings refuse.
        """
        chosen = self.settings.training
        job = TrainingJob(
            name=free_name(study, self.container.artefacts(), replace=replace),
            panel=data.window,
            feature_set=chosen.feature_set(),
            settings=self.settings.simulation.to_domain(),
            folder=self.resolved.runs / study,
            frames=chosen.frames if frames is None else frames,
            seed=chosen.seed if seed is None else seed,
            ppo=chosen.ppo.to_domain(),
            window=chosen.window,
            observations=chosen.observations,
            episode_length=chosen.episode_length,
            checkpoint_every=chosen.checkpoint_every,
            resume=resume,
            threads=chosen.threads,
            gaps=gaps or chosen.gaps,
        )
        with self.container.claims().hold("study", check_name(study)):
            summary = self.container.registrar().train(
                self.container.train_model(), job, on_progress, replace=replace
            )
        return Study(study, (Model(summary.manifest),), summary.seconds)

    def models(self) -> Sequence[Model]:
        """Return every sound model, oldest first."""
        lines = self.container.list_models().list()
        return [Model(one.manifest) for one in lines if one.manifest is not None]

    def model(self, name: str) -> Model:
        """Return one model, by name or alias, after verifying all its files.

        Raises:
            NotFound: If there is none of that name.
            ArtefactError: If a file is damaged or was changed.
        """
        found = name_held(name, self.container.artefacts(), self.registry.holder)
        return Model(self.container.list_models().show(found))

    def agent(self, model: Model | str) -> Chosen:
        """Return what decides: a model, by name or alias, or ``ema-cross:fast=10,slow=30``.

        Raises:
            NotFound: If there is neither of that name.
        """
        name = model if isinstance(model, str) else model.name
        return choose(name, self.container.artefacts(), self.registry.holder)

    def backtest(
        self,
        model: Model | str,
        data: MarketData,
        *,
        costs: str | None = None,
        gaps: Literal["refuse", "hold"] | None = None,
        allow_overlap: bool = False,
    ) -> Backtest:
        """Run a model or a strategy over bars.

        Args:
            model: A model, its name or alias, or a strategy.
            data: The period; history before it warms the indicators up.
            costs: A cost profile; that of the settings if None.
            gaps: What to do with missing bars; as in the settings if None.
            allow_overlap: Accept bars that the model was trained on.

        Raises:
            InvalidValue: If the period overlaps with the model's training.
            DataError: If the period is too short or has gaps that are refused.
            ArtefactError: If the bars are not those that the model was made for.
        """
        request = self.trial(model, data, costs=costs, gaps=gaps, allow_overlap=allow_overlap)
        return Backtest(self.judge(request), self.differences(model, request))

    def judge(self, request: BacktestRequest, plan: WalkForward | None = None) -> BacktestResult:
        """Play what :meth:`trial` put together; window after window if there is a plan."""
        parts = self.container
        tools = parts.features(), parts.engine(), parts.randomness()
        if plan is None:
            return run_backtest(request, *tools)
        return run_walk_forward(request, plan, *tools)

    def differences(self, model: Model | str, request: BacktestRequest) -> tuple[str, ...]:
        """Name the settings and terms that are not those of the model's training."""
        manifest = self.agent(model).manifest
        if manifest is None:
            return ()
        found = manifest.differences(request.panel, request.settings)
        return tuple(f"not as in training: {one}" for one in found if "initial_cash" not in one)

    def paper(
        self,
        model: Model | str,
        data: MarketData | None = None,
        *,
        capital: Decimal | int | str | None = None,
        run_id: str | None = None,
        gaps: Literal["refuse", "hold"] | None = None,
        costs: str | None = None,
        profile: str | None = None,
        allow_overlap: bool = False,
        commit_every: int = 1,
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> PaperRun:
        """Trade on paper over recorded bars, on a simulated clock, to their end.

        Args:
            model: A model, its name or alias, or a strategy.
            data: The bars; the last 30 days of the model's symbols in the lake if None.
            capital: Starting cash; that of the settings if None.
            run_id: A name for the run; one that was stopped goes on.
            gaps: What to do with missing bars; as in ``backtest.gaps`` if None.
            costs: A cost profile; that of ``backtest.cost_profile`` if None.
            profile: What limits it keeps to: ``none``, ``own`` for the section ``[risk]``, or a
                named risk profile; as in ``paper.profile`` if None. Only with ``none`` is it equal
                to its backtest.
            allow_overlap: Accept bars that the model was trained on.
            commit_every: Bars a transaction; 1 is durable bar by bar.
            should_stop: Asked between bars.
            on_progress: Told after each bar how many of how many are done.

        Raises:
            NotFound: If the lake lacks the bars.
            DataError: If the period is too short or has gaps that are refused.
            ConfigError: If a run of that name was begun with another agent, bars or settings.
            RefusedForSafety: If another process is at work on that run, or the run is new and the
                workspace is killed.
        """
        trial = self._run_trial(model, data, capital, costs, gaps, allow_overlap=allow_overlap)
        limits = self.resolved.limits(profile or self.settings.paper.profile)
        desk = self.container.paper_desk()
        outcome = begin_run(
            self, desk, RunWish("paper", trial, run_id, limits, commit_every), should_stop,
            on_progress,
        )  # fmt: skip
        return PaperRun(outcome.standing, self.container.store(), self, outcome)

    def dry_run(
        self,
        model: Model | str,
        data: MarketData | None = None,
        *,
        capital: Decimal | int | str | None = None,
        run_id: str | None = None,
        gaps: Literal["refuse", "hold"] | None = None,
        costs: str | None = None,
        profile: str = "own",
        allow_overlap: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> DryRun:
        """Do everything that a session with real money does, and send nothing.

        There is no venue to trade at yet, so it looks at a simulated exchange over recorded bars,
        on a simulated clock. Since nothing is sent nothing is ever held: each bar decides from
        cash.

        Args:
            model: A model, its name or alias, or a strategy.
            data: The bars; the last 30 days of the model's symbols in the lake if None.
            capital: Starting cash; that of ``paper.capital`` if None.
            run_id: A name for the run; one that was stopped goes on.
            gaps: What to do with missing bars; as in ``backtest.gaps`` if None.
            costs: A cost profile; that of ``backtest.cost_profile`` if None.
            profile: What limits it keeps to, as for :meth:`paper`.
            allow_overlap: Accept bars that the model was trained on.
            should_stop: Asked between steps.
            on_progress: Told after each bar how many of how many are done.

        Raises:
            MettleError: As :meth:`paper`.
        """
        trial = self._run_trial(model, data, capital, costs, gaps, allow_overlap=allow_overlap)
        desk, limits = self.container.dry_run_desk(), self.resolved.limits(profile)
        wish = RunWish("dry-run", trial, run_id, limits)
        outcome = begin_run(self, desk, wish, should_stop, on_progress)
        return DryRun(outcome.standing, self.container.store(), self, outcome)

    def _run_trial(
        self,
        model: Model | str,
        data: MarketData | None,
        capital: Decimal | int | str | None,
        costs: str | None,
        gaps: Literal["refuse", "hold"] | None,
        *,
        allow_overlap: bool,
    ) -> BacktestRequest:
        if data is None:
            chosen = self.agent(model)
            data = self.data.get(chosen.symbols, chosen.timeframe, last="30d")
        cash = self.settings.paper.capital if capital is None else exact(capital, "capital")
        if cash <= 0:
            raise InvalidValue(f"capital must be positive, was {cash}", mend="for example 10000")
        return self.trial(
            model, data, capital=cash, costs=costs, gaps=gaps, allow_overlap=allow_overlap
        )

    def at_work(self, run_id: str) -> bool:
        """Return whether a process on this machine is at work on a run.

        A run that is ``running`` without one was cut, or is another machine's.
        """
        return self.container.claims().held("run", run_id)

    def trial(
        self,
        model: Model | str,
        data: MarketData,
        *,
        capital: Decimal | None = None,
        costs: str | None = None,
        gaps: Literal["refuse", "hold"] | None = None,
        allow_overlap: bool = False,
    ) -> BacktestRequest:
        """Return agent, bars, settings and period, put together as backtest and paper want them."""
        chosen, wanted = self.agent(model), self.settings.backtest
        panel = data.with_history
        if chosen.manifest is not None:
            chosen.manifest.require(panel)
        return BacktestRequest(
            panel=panel,
            agent=chosen.agent,
            settings=self.settings.simulation.to_domain(capital),
            provenance=chosen.provenance,
            start_ms=data.start_ms,
            gaps=GapPolicy(gaps or wanted.gaps),
            costs=cost_profile(costs or wanted.cost_profile),
            close_at_end=wanted.close_at_end,
            allow_overlap=allow_overlap,
            resamples=wanted.resamples,
            level=wanted.level,
        )


__all__ = ["CONFIG_NAME", "Workspace", "WorkspaceData", "open_workspace"]
