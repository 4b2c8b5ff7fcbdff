"""The composition root: the one place that knows which adapter stands behind which port.

Making a container starts and connects nothing, and imports no adapter: each is imported and built
when it is first asked for, so that `mettle status` never loads a learning library.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from dependency_injector import containers, providers

from ..application.data.download import DownloadBars
from ..application.data.imports import ImportBars
from ..application.data.prepare import PrepareBars
from ..application.data.synthesise import SynthesiseBars
from ..application.learning.garbage import CollectGarbage
from ..application.learning.models import Models
from ..application.learning.register import Registrar
from ..application.learning.take_over import TakeOver
from ..application.learning.train import TrainModel
from ..application.ports.artefact_store import ArtefactStore
from ..application.ports.backtest_engine import BacktestEngine
from ..application.ports.bar_files import BarFiles
from ..application.ports.bar_store import BarStore
from ..application.ports.claims import Claims
from ..application.ports.clock import Clock
from ..application.ports.feature_builder import FeatureBuilder
from ..application.ports.foreign_models import ForeignModels
from ..application.ports.ids import Ids
from ..application.ports.kill_switch import KillSwitch
from ..application.ports.market_data import MarketData
from ..application.ports.model_registry import ModelRegistry
from ..application.ports.notifier import Notifier, Severity
from ..application.ports.paper_market import PaperMarket
from ..application.ports.randomness import Randomness
from ..application.ports.report_writer import ReportWriter
from ..application.ports.sweep_engine import SweepEngine
from ..application.ports.synthetic_market import SyntheticMarket
from ..application.ports.trainer import Trainer
from ..application.ports.unit_of_work import Store
from ..application.session.paper import PaperDesk
from ..application.session.queries import Journal
from ..domain.risk import RiskEngine, RiskProfile
from .places import KEY_FOLDER
from .settings import Resolved

if TYPE_CHECKING:
    from ..adapters.persistence.artefacts import Ed25519Keys

PAPER_HOLDER = f"paper on {platform.node()}"
DRY_RUN_HOLDER = f"dry run on {platform.node()}"
HOLDERS = frozenset({PAPER_HOLDER, DRY_RUN_HOLDER})
"""The holders of our leases: a claim on the run keeps a second process of this machine away."""


def _clock() -> Clock:
    from ..adapters.system import SystemClock

    return SystemClock()


def _ids() -> Ids:
    from ..adapters.system import RandomIds

    return RandomIds()


def _randomness(seed: int) -> Randomness:
    from ..adapters.system import PhiloxRandomness

    return PhiloxRandomness(seed)


def _bars(root: Path) -> BarStore:
    from ..adapters.persistence.lake import ParquetBarStore

    return ParquetBarStore(root)


def _store(database: str) -> Iterator[Store]:
    from ..adapters.persistence.sql import SqlStore

    store = SqlStore(database)
    yield store
    store.close()


def _keys(home: Path) -> Ed25519Keys:
    from ..adapters.persistence.artefacts import Ed25519Keys

    return Ed25519Keys(home / KEY_FOLDER)


def _artefacts(root: Path, keys: Ed25519Keys) -> ArtefactStore:
    from ..adapters.persistence.artefacts import FolderArtefactStore

    return FolderArtefactStore(root, keys)


def _registry(database: str) -> Iterator[ModelRegistry]:
    from ..adapters.persistence.sql import SqlModelRegistry

    registry = SqlModelRegistry(database)
    yield registry
    registry.close()


def _claims(root: Path) -> Claims:
    from ..adapters.persistence.claims import FileClaims

    return FileClaims(root)


def _features(threads: int) -> FeatureBuilder:
    from ..adapters.features.native import NativeFeatures

    return NativeFeatures(threads)


def _engine() -> BacktestEngine:
    from ..adapters.simulation.native_engine import NativeEngine

    return NativeEngine()


def _sweep_engine(threads: int) -> SweepEngine:
    from ..adapters.simulation.native_sweep import NativeSweep

    return NativeSweep(threads)


def _report_writer() -> ReportWriter:
    from ..adapters.reporting.tear_sheet import TearSheetWriter

    return TearSheetWriter()


def _trainer(
    features: FeatureBuilder, clock: Clock, learner: str, device: str, torch_threads: int
) -> Trainer:
    if learner == "native":
        from ..adapters.learning.native_trainer import NativeTrainer

        return NativeTrainer(features, clock)
    if learner == "torch":
        from ..adapters.learning.torch_trainer import TorchTrainer

        return TorchTrainer(features, clock, device=device, torch_threads=torch_threads)
    from ..adapters.learning.sb3_trainer import Sb3Trainer

    return Sb3Trainer(features, clock, device=device, torch_threads=torch_threads)


def _train_model(
    trainer: Trainer, features: FeatureBuilder, artefacts: ArtefactStore, clock: Clock
) -> TrainModel:
    return TrainModel(trainer, features, artefacts, clock, version("mettle-trader"))


def _registrar(registry: ModelRegistry, clock: Clock, ids: Ids) -> Registrar:
    return Registrar(registry, clock, ids, version("mettle-trader"))


def _foreign_models() -> ForeignModels:
    from ..adapters.learning.foreign.reader import IsolatedSb3Reader

    return IsolatedSb3Reader()


def _take_over(
    reader: ForeignModels, artefacts: ArtefactStore, registrar: Registrar, clock: Clock
) -> TakeOver:
    from ..adapters.learning.policy_agent import PolicyAgent

    return TakeOver(reader, artefacts, registrar, clock, PolicyAgent)


def _bar_files() -> BarFiles:
    from ..adapters.market_data.importers import FileImporter

    return FileImporter()


def _market_data(venue: str, endpoint: str) -> MarketData:
    from ..adapters.market_data.ccxt_bars import CcxtMarketData, CcxtSettings

    return CcxtMarketData(CcxtSettings(venue, endpoint=endpoint))


def _paper_market() -> PaperMarket:
    from ..adapters.venues.simulated import ReplayMarket

    return ReplayMarket()


def _dry_run_market(randomness: Randomness) -> PaperMarket:
    from ..adapters.venues.exchange.market import DryRunMarket

    return DryRunMarket(randomness)


def _kill_switch(root: Path) -> KillSwitch:
    from ..adapters.system.kill_switch import FileKillSwitch

    return FileKillSwitch(root)


def _notifier(resolved: Resolved) -> Iterator[Notifier]:
    from ..adapters.notification import LogNotifier, MemoryNotifier, RotatingFile

    path, wanted = resolved.notices, resolved.settings.notify
    if path is None:
        yield MemoryNotifier()
        return
    file = RotatingFile(path, largest=1_000_000 * wanted.megabytes, keep=wanted.keep)
    log = LogNotifier(
        cast("TextIO", file),
        least=Severity[wanted.least.upper()],
        secrets=resolved.secrets.texts(),
    )
    yield log
    log.close()


def no_limits() -> RiskProfile:
    """Return the profile of a run that answers for its backtest, which has no limits either."""
    return RiskProfile("none", leverage=None)


def _no_limits() -> RiskEngine:
    return RiskEngine(no_limits())


def _synthetic() -> SyntheticMarket:
    from ..adapters.market_data.synthetic import CalibratedSyntheticMarket

    return CalibratedSyntheticMarket()


class ApplicationContainer(containers.DeclarativeContainer):
    """Every port with its adapter, over the settings of one workspace."""

    resolved: providers.Provider[Resolved] = providers.Dependency(instance_of=Resolved)

    clock: providers.Provider[Clock] = providers.Singleton(_clock)
    ids: providers.Provider[Ids] = providers.Singleton(_ids)
    randomness: providers.Provider[Randomness] = providers.Factory(
        _randomness, resolved.provided.settings.training.seed
    )
    bars: providers.Provider[BarStore] = providers.Singleton(_bars, resolved.provided.data)
    store: providers.Provider[Store] = providers.Resource(_store, resolved.provided.database)
    keys: providers.Provider[Ed25519Keys] = providers.Singleton(
        _keys, resolved.provided.places.home
    )
    artefacts: providers.Provider[ArtefactStore] = providers.Singleton(
        _artefacts, resolved.provided.models, keys
    )
    registry: providers.Provider[ModelRegistry] = providers.Resource(
        _registry, resolved.provided.database
    )
    claims: providers.Provider[Claims] = providers.Singleton(_claims, resolved.provided.runs)
    features: providers.Provider[FeatureBuilder] = providers.Singleton(
        _features, resolved.provided.settings.training.threads
    )
    engine: providers.Provider[BacktestEngine] = providers.Singleton(_engine)
    sweep_engine: providers.Provider[SweepEngine] = providers.Singleton(
        _sweep_engine, resolved.provided.settings.training.threads
    )
    report_writer: providers.Provider[ReportWriter] = providers.Singleton(_report_writer)
    synthetic: providers.Provider[SyntheticMarket] = providers.Singleton(_synthetic)
    bar_files: providers.Provider[BarFiles] = providers.Singleton(_bar_files)
    market_data: providers.Provider[MarketData] = providers.Singleton(
        _market_data,
        resolved.provided.settings.market.venue,
        resolved.provided.settings.market.endpoint,
    )
    trainer: providers.Provider[Trainer] = providers.Singleton(
        _trainer,
        features,
        clock,
        resolved.provided.settings.training.learner,
        resolved.provided.settings.training.device,
        resolved.provided.settings.training.torch_threads,
    )
    paper_market: providers.Provider[PaperMarket] = providers.Singleton(_paper_market)

    import_bars: providers.Provider[ImportBars] = providers.Factory(ImportBars, bars, bar_files)
    download_bars: providers.Provider[DownloadBars] = providers.Factory(
        DownloadBars, bars, market_data
    )
    prepare_bars: providers.Provider[PrepareBars] = providers.Factory(PrepareBars, bars)
    synthesise_bars: providers.Provider[SynthesiseBars] = providers.Factory(
        SynthesiseBars, bars, synthetic, randomness
    )
    train_model: providers.Provider[TrainModel] = providers.Factory(
        _train_model, trainer, features, artefacts, clock
    )
    list_models: providers.Provider[Models] = providers.Factory(Models, artefacts)
    registrar: providers.Provider[Registrar] = providers.Factory(_registrar, registry, clock, ids)
    foreign_models: providers.Provider[ForeignModels] = providers.Singleton(_foreign_models)
    take_over: providers.Provider[TakeOver] = providers.Factory(
        _take_over, foreign_models, artefacts, registrar, clock
    )
    collect_garbage: providers.Provider[CollectGarbage] = providers.Factory(
        CollectGarbage, artefacts, registry, store, clock
    )
    kill_switch: providers.Provider[KillSwitch] = providers.Singleton(
        _kill_switch, resolved.provided.kill
    )
    notifier: providers.Provider[Notifier] = providers.Resource(_notifier, resolved)
    no_limits: providers.Provider[RiskEngine] = providers.Singleton(_no_limits)
    paper_desk: providers.Provider[PaperDesk] = providers.Factory(
        PaperDesk,
        features,
        paper_market,
        store,
        clock,
        ids,
        no_limits,
        kill_switch,
        notifier,
        PAPER_HOLDER,
    )
    dry_run_market: providers.Provider[PaperMarket] = providers.Singleton(
        _dry_run_market, randomness
    )
    dry_run_desk: providers.Provider[PaperDesk] = providers.Factory(
        PaperDesk,
        features,
        dry_run_market,
        store,
        clock,
        ids,
        no_limits,
        kill_switch,
        notifier,
        DRY_RUN_HOLDER,
    )
    journal: providers.Provider[Journal] = providers.Factory(Journal, store)
