"""The way of learning of a model, for whoever trains it anew on other blocks of bars."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from ..application.learning.train import TrainModel
from ..application.ports.agent import Agent
from ..application.ports.trainer import TrainingJob
from ..application.research import Fit, Ground
from ..domain.performance.selection import Span

if TYPE_CHECKING:
    from ..application.learning.manifest import PolicyManifest
    from .workspace import Workspace


def retrainer(
    workspace: Workspace, manifest: PolicyManifest, ground: Ground, frames: int | None
) -> Fit:
    """Return the way of learning of a model: its own settings, on the blocks given.

    Args:
        workspace: Whose trainer and clock are used, and whose runs take the checkpoints.
        manifest: The model's: seed, PPO settings, features and environment.
        ground: The bars, with the history that warms the features up.
        frames: Environment steps of each training; the model's own if None.
    """
    from ..adapters.learning.policy_agent import PolicyAgent
    from ..adapters.persistence.artefacts import MemoryArtefactStore

    parts, store = workspace.container, MemoryArtefactStore()
    train = TrainModel(
        parts.trainer(), parts.features(), store, parts.clock(), version("mettle-trader")
    )
    gaps: Literal["refuse", "segment"] = "segment"
    job = TrainingJob(
        name=manifest.name,
        panel=ground.panel,
        feature_set=manifest.feature_set,
        settings=manifest.settings,
        folder=workspace.resolved.runs / "research" / manifest.name,
        frames=frames or manifest.frames,
        seed=manifest.seed,
        ppo=manifest.ppo,
        window=manifest.window,
        episode_length=manifest.episode_length,
        gaps=gaps,
        threads=workspace.settings.training.threads,
    )

    def fit(training: tuple[Span, ...]) -> Agent:
        blocks = tuple((span.start, span.stop) for span in training)
        train(replace(job, blocks=blocks), replace=True)
        return PolicyAgent(store.load(manifest.name))

    return fit
