"""The wiring of campaigns: their ports and adapters, over the container of the workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dependency_injector import containers, providers

from ..application.ports.campaign_store import CampaignStore
from ..application.ports.model_registry import ModelRegistry
from ..application.ports.study_book import StudyBook
from ..application.ports.trial_files import TrialFiles
from ..application.ports.trial_runner import TrialRunner
from ..domain.errors import ConfigError
from .settings import Resolved

_WORKER = ("-m", "mettle.entrypoints.campaign_worker")


def studies_place(resolved: Resolved) -> str:
    """Return Optuna's database: a path, or a URL, which may hold a password."""
    named = resolved.settings.campaign.storage
    if not named and resolved.database.startswith("postgresql"):
        return resolved.database
    named = named or "studies.db"
    return named if "://" in named else str(resolved.places.home / named)


def _store(database: str) -> Iterator[CampaignStore]:
    from ..adapters.persistence.sql.campaign_store import SqlCampaignStore

    store = SqlCampaignStore(database)
    yield store
    store.close()


def _registry(database: str) -> Iterator[ModelRegistry]:
    from ..adapters.persistence.sql import SqlModelRegistry

    registry = SqlModelRegistry(database)
    yield registry
    registry.close()


def _book(resolved: Resolved) -> Iterator[StudyBook]:
    from ..adapters.campaign.optuna_book import OptunaBook

    book = OptunaBook(studies_place(resolved))
    yield book
    book.close()


def _files(root: Path) -> TrialFiles:
    from ..adapters.persistence.trial_folders import TrialFolders

    return TrialFolders(root)


def runner_for(resolved: Resolved, study: str) -> TrialRunner:
    """Return where a study's workers run, as the settings say.

    Raises:
        NotFound: If Ray is asked for and not installed.
        NotRunning: If no cluster answers.
        ConfigError: If a cluster of several machines would share a SQLite file.
    """
    chosen, logs = resolved.settings.campaign, resolved.runs / study / "workers"
    if chosen.runner == "local":
        from ..adapters.campaign.local_processes import LocalProcesses, worker_command

        return LocalProcesses(worker_command(_WORKER), logs)
    from ..adapters.campaign.ray_cluster import RayCluster, RayPlace

    place = RayPlace(chosen.ray_address, chosen.ray_cpus, chosen.ray_gpus)
    cluster = RayCluster(_WORKER, logs, place)
    if cluster.machines > 1 and not resolved.database.startswith("postgresql"):
        cluster.close()
        raise ConfigError(
            "the workspace's database is a SQLite file, which several machines cannot share",
            mend="put it on PostgreSQL: METTLE_SECRET__DATABASE_URL, on every node",
        )
    return cluster


class CampaignContainer(containers.DeclarativeContainer):
    """What campaigns need beyond the workspace's container."""

    resolved: providers.Provider[Resolved] = providers.Dependency(instance_of=Resolved)

    store: providers.Provider[CampaignStore] = providers.Resource(
        _store, resolved.provided.database
    )
    registry: providers.Provider[ModelRegistry] = providers.Resource(
        _registry, resolved.provided.database
    )
    book: providers.Provider[StudyBook] = providers.Resource(_book, resolved)
    files: providers.Provider[TrialFiles] = providers.Singleton(_files, resolved.provided.runs)
