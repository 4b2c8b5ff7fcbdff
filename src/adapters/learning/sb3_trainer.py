"""PPO of Stable-Baselines3 on the native market."""

from __future__ import annotations

import errno
import math
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from ...application.learning.policy import DenseLayer, Network, TrainedPolicy
from ...application.learning.scaler import FeatureScaler
from ...application.ports.clock import Clock
from ...application.ports.feature_builder import FeatureBuilder
from ...application.ports.trainer import ProgressCallback, TrainingJob
from ..persistence.folders import storage_error
from .blocks import confine
from .checkpoints import Checkpoints
from .jobs import check_ppo, fingerprint
from .markets import MarketFactory
from .native_market import native_market
from .run_callback import RunCallback, refuse_lost_weights
from .tensor.device import device_named
from .torch_threads import torch_threads
from .training_state import restore
from .window_gather import WindowGather


class Sb3Trainer:
    """Trains with Stable-Baselines3; one run a process.

    On a CPU the same job gives the same weights, whether or not it was cut and resumed.

    Args:
        features: The kernels of the features.
        clock: For the frame rate alone.
        market: Builds the vector environment.
        device: ``cpu`` or ``cuda``; small networks are fastest on ``cpu``.
        torch_threads: Threads of PyTorch, 0 leaves them as they are. Unlike the market's, their
            number may change the last bits of a sum.
        keep: How many checkpoints are kept.
    """

    def __init__(
        self,
        features: FeatureBuilder,
        clock: Clock,
        *,
        market: MarketFactory = native_market,
        device: str = "cpu",
        torch_threads: int = 0,
        keep: int = 3,
    ) -> None:
        self._features = features
        self._clock = clock
        self._market = market
        self._device = device
        self._torch_threads = torch_threads
        self._keep = keep

    def train(self, job: TrainingJob, on_progress: ProgressCallback | None = None) -> TrainedPolicy:
        """See :class:`~mettle.application.ports.trainer.Trainer`."""
        check_ppo(job.ppo)
        device_named(self._device)  # Stable-Baselines3 would take the processor and say nothing
        job, table = confine(job, self._features.table(job.panel, job.feature_set))
        scaler = FeatureScaler.fit(table.values, table.valid)
        scaled = scaler.transform(table.values)
        env, market = self._market(job, table, scaled)
        checkpoints = Checkpoints(
            job.folder / "checkpoints", fingerprint(job, device=self._device), self._keep
        )
        callback = RunCallback(job, market, checkpoints, self._clock, on_progress)
        try:
            with torch_threads(self._torch_threads):
                model = self._model(job, env, scaled)
                if job.resume:
                    restore(checkpoints.latest(), model, market)
                else:
                    checkpoints.clear()
                self._learn(model, job, callback, checkpoints)
        finally:
            env.close()
        return TrainedPolicy(
            export_network(model.policy), scaler, model.num_timesteps, _metrics(callback)
        )

    def _learn(
        self, model: PPO, job: TrainingJob, callback: RunCallback, checkpoints: Checkpoints
    ) -> None:
        checkpoints.check_space(0)  # TensorBoard's own thread would print a traceback
        logger = configure(str(job.folder / "tensorboard"), ["tensorboard"])
        model.set_logger(logger)
        try:
            model.learn(
                max(0, job.frames - model.num_timesteps),
                callback=callback,
                reset_num_timesteps=False,
            )
        except KeyboardInterrupt:
            if callback.boundary is not None:
                checkpoints.write(callback.boundary)
            raise
        except ValueError:
            refuse_lost_weights(model)  # torch refuses a NaN in the middle of an update
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise storage_error(job.folder, error) from error
            raise
        finally:
            logger.close()

    def _model(self, job: TrainingJob, env: VecEnv, scaled: NDArray[np.float32]) -> PPO:
        ppo, gather = job.ppo, {}
        if job.observations == "index":
            table = {"features": scaled, "window": job.window, "data_hash": job.panel.data_hash}
            gather = {"features_extractor_class": WindowGather, "features_extractor_kwargs": table}
        with warnings.catch_warnings():
            # Whoever names a GPU has heard that small networks are faster without one.
            warnings.filterwarnings("ignore", message="You are trying to run PPO on the GPU")
            return PPO(
                "MlpPolicy",
                env,
                learning_rate=ppo.learning_rate,
                n_steps=ppo.rollout,
                batch_size=ppo.batch_size,
                n_epochs=ppo.epochs,
                gamma=ppo.discount,
                gae_lambda=ppo.gae_lambda,
                clip_range=ppo.clip_range,
                ent_coef=ppo.entropy_coefficient,
                vf_coef=ppo.value_coefficient,
                max_grad_norm=ppo.max_gradient_norm,
                policy_kwargs={
                    "net_arch": {"pi": list(ppo.hidden), "vf": list(ppo.hidden)},
                    "activation_fn": torch.nn.Tanh,
                    "log_std_init": ppo.initial_log_std,
                    **gather,
                },
                seed=job.seed,
                device=self._device,
                verbose=0,
            )


def export_network(policy: ActorCriticPolicy) -> Network:
    """Return the part of a policy that decides: hidden layers and the means of the actions."""
    modules = [*policy.mlp_extractor.policy_net, policy.action_net]
    layers = tuple(
        DenseLayer(
            one.weight.detach().cpu().numpy().astype(np.float32),
            one.bias.detach().cpu().numpy().astype(np.float32),
        )
        for one in modules
        if isinstance(one, torch.nn.Linear)
    )
    return Network(layers, "tanh")


def _metrics(callback: RunCallback) -> dict[str, float | None]:
    figures: dict[str, float | None] = {"mean_episode_reward": callback.mean_reward()}
    for name in ("value_loss", "policy_gradient_loss", "approx_kl", "explained_variance", "std"):
        value = callback.losses.get(name)
        figures[name] = value if value is not None and math.isfinite(value) else None
    return figures
