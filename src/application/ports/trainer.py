"""Training a policy, as a port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from ...domain.signals.features import FeatureSet
from ...domain.simulation.settings import SimulationSettings
from ..learning.policy import TrainedPolicy
from ..market import MarketPanel


@dataclass(frozen=True, slots=True)
class PpoSettings:
    """Hyperparameters of proximal policy optimisation (Schulman et al. 2017).

    Attributes:
        initial_log_std: Logarithm of the deviation with which actions are explored at first. An
            action is a weight in [−1, 1] and each change of it is charged: wide noise drowns what
            there is to learn in fees.
    """

    environments: int = 256
    rollout: int = 64
    batch_size: int = 4096
    epochs: int = 4
    learning_rate: float = 3e-4
    discount: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    entropy_coefficient: float = 0.0
    value_coefficient: float = 0.5
    max_gradient_norm: float = 0.5
    initial_log_std: float = -2.0
    hidden: tuple[int, ...] = (64, 64)


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One run of training.

    Attributes:
        name: The model's name.
        panel: Training bars only; the scaler is fitted on them.
        folder: Where checkpoints and TensorBoard scalars go.
        frames: Environment steps to take; whole rollouts are taken until they are reached.
        window: Bars of features in one observation.
        observations: ``window`` if they hold those bars, ``index`` if they hold the bar's number
            and the policy gathers them: the same policy, a rollout of a fraction of the size.
        episode_length: Bars of one episode; 0 is a whole block.
        checkpoint_every: Frames between checkpoints; 0 is none.
        resume: Whether to go on from the folder's last checkpoint.
        gaps: ``refuse`` a panel with missing bars, ``segment`` it into blocks without any, or
            ``hold`` positions through them.
        threads: Threads of the market; 0 is all cores. The result does not depend on it.
        blocks: Bars ``[start, stop)`` of the panel to learn from, episodes inside one block each;
            all bars if empty. The scaler is fitted on them alone.
    """

    name: str
    panel: MarketPanel
    feature_set: FeatureSet
    settings: SimulationSettings
    folder: Path
    frames: int
    seed: int
    ppo: PpoSettings = field(default_factory=PpoSettings)
    window: int = 1
    episode_length: int = 512
    checkpoint_every: int = 0
    resume: bool = False
    gaps: Literal["refuse", "segment", "hold"] = "refuse"
    threads: int = 0
    blocks: tuple[tuple[int, int], ...] = ()
    observations: Literal["window", "index"] = "window"


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a run stands.

    Attributes:
        mean_reward: Mean episode reward of the last finished episodes, None before the first.
        remaining_s: Estimated seconds to the end.
    """

    frames: int
    total_frames: int
    frames_per_second: float
    remaining_s: float
    mean_reward: float | None


ProgressCallback = Callable[[TrainingProgress], None]


class Trainer(Protocol):
    """Turns bars into a policy. Adapters: PPO of Stable-Baselines3, in native threads, on tensors.

    Not thread-safe; one run a process. On KeyboardInterrupt the last checkpoint stays valid.
    """

    def train(self, job: TrainingJob, on_progress: ProgressCallback | None = None) -> TrainedPolicy:
        """Train, and return the policy; saving it is the caller's part.

        Raises:
            DataError: If the panel has no block long enough, or a checkpoint is damaged or of
                another job.
            NotFound: If ``resume`` is set and there is no checkpoint.
            TrainingDiverged: If a loss or a weight is no longer finite.
            StorageError: If the disk is full.
        """
