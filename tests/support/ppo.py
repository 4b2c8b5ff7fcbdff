"""The same PPO twice: a learner of our own, and Stable-Baselines3 on its weights and rollout."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gymnasium
import numpy as np
import torch
from mettle import _native
from mettle.application.ports.trainer import PpoSettings
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv


class Still(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """An environment of given widths in which nothing happens."""

    def __init__(self, inputs: int, actions: int) -> None:
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (inputs,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1, 1, (actions,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return zeros."""
        super().reset(seed=seed)
        return np.zeros(self.observation_space.shape or (), np.float32), {}


def learner(
    inputs: int, actions: int, settings: PpoSettings, threads: int = 1, dispatch: str = "best"
) -> _native.PpoLearner:
    """Return a native learner whose weights are still zero."""
    return _native.PpoLearner(inputs, actions, asdict(settings), 1, threads, dispatch)


def sb3(inputs: int, actions: int, settings: PpoSettings) -> PPO:
    """Return Stable-Baselines3's PPO of the same settings, with weights of its own making."""
    env = DummyVecEnv([lambda: Still(inputs, actions)] * settings.environments)
    model = PPO(
        "MlpPolicy",
        env,
        learning_rate=settings.learning_rate,
        n_steps=settings.rollout,
        batch_size=settings.batch_size,
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.entropy_coefficient,
        vf_coef=settings.value_coefficient,
        max_grad_norm=settings.max_gradient_norm,
        policy_kwargs={
            "net_arch": {"pi": list(settings.hidden), "vf": list(settings.hidden)},
            "activation_fn": torch.nn.Tanh,
            "log_std_init": settings.initial_log_std,
        },
        seed=3,
        device="cpu",
    )
    model.set_logger(configure(tempfile.gettempdir(), []))
    return model


def weights_of(model: PPO) -> dict[str, NDArray[np.float32]]:
    """Return the weights by name."""
    return {name: one.detach().numpy().copy() for name, one in model.policy.named_parameters()}


def gradient_of(model: PPO) -> dict[str, NDArray[np.float32]]:
    """Return the gradients by name."""
    return {
        name: np.zeros(one.shape, np.float32) if one.grad is None else one.grad.numpy().copy()
        for name, one in model.policy.named_parameters()
    }


def shaken(model: PPO, rng: np.random.Generator, size: float = 0.1) -> None:
    """Move every weight, so that no bias is nil and no head is small."""
    with torch.no_grad():
        for one in model.policy.parameters():
            noise = rng.normal(scale=size, size=one.shape).astype(np.float32)
            one.add_(torch.from_numpy(noise))


def same_rollout(model: PPO, mine: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> None:
    """Fill both rollouts with the same samples, drawn near the model's own policy.

    Args:
        mine: A learner's buffers by name, shape (T, N, …).
    """
    shape = mine["values"].shape
    observations = rng.normal(size=mine["observations"].shape).astype(np.float32)
    flat = torch.from_numpy(observations.reshape(-1, observations.shape[-1]))
    with torch.no_grad():
        means, _, _ = model.policy(flat, deterministic=True)
        noise = torch.from_numpy(rng.normal(size=means.shape).astype(np.float32))
        actions = means + noise * model.policy.log_std.exp()
        values, log_probs, _ = model.policy.evaluate_actions(flat, actions)
    mine["observations"][:] = observations
    mine["actions"][:] = actions.numpy().reshape(mine["actions"].shape)
    # Some ratios must lie beyond the clip on either side.
    wander = rng.normal(scale=0.3, size=shape)
    mine["log_probs"][:] = log_probs.numpy().reshape(shape) + wander
    mine["values"][:] = values.numpy().reshape(shape) + rng.normal(scale=0.5, size=shape)
    mine["advantages"][:] = rng.normal(0.3, 2.0, shape)
    mine["returns"][:] = mine["values"] + mine["advantages"]
    buffer = model.rollout_buffer
    buffer.reset()
    for name in ("observations", "actions", "log_probs", "values", "advantages", "returns"):
        getattr(buffer, name)[:] = mine[name]
    buffer.pos, buffer.full = shape[0], True


def schulman_losses(
    model: PPO,
    samples: Mapping[str, NDArray[Any]],
    positions: NDArray[np.int32],
    settings: PpoSettings,
) -> dict[str, float]:
    """Leave the gradient of Schulman's losses, written out, in the model; return the losses.

    Args:
        samples: A rollout's buffers by name, shape (T, N, …).
        positions: Of the minibatch, ``step × N + environment``.
    """
    policy = model.policy
    flat = {
        name: torch.from_numpy(one.reshape(-1, *one.shape[2:])[positions])
        for name, one in samples.items()
    }
    values, log_probs, entropy = policy.evaluate_actions(flat["observations"], flat["actions"])
    assert entropy is not None  # a Gaussian has one
    advantages = flat["advantages"]
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    log_ratio = log_probs - flat["log_probs"]
    ratio = log_ratio.exp()
    clip = settings.clip_range
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    policy_loss = -torch.min(advantages * ratio, advantages * clipped).mean()
    value_loss = torch.nn.functional.mse_loss(flat["returns"], values.flatten())
    entropy_loss = -entropy.mean()
    loss = (
        policy_loss
        + settings.entropy_coefficient * entropy_loss
        + settings.value_coefficient * value_loss
    )
    policy.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # of PyTorch
    figures = {
        "policy_gradient_loss": policy_loss,
        "value_loss": value_loss,
        "entropy_loss": entropy_loss,
        "approx_kl": ((ratio - 1) - log_ratio).mean(),
        "clip_fraction": ((ratio - 1).abs() > clip).float().mean(),
        "loss": loss,
    }
    return {name: float(one.detach()) for name, one in figures.items()}
