"""The learner on tensors against Stable-Baselines3: gradients, updates, rollouts, and graphs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from mettle.adapters.learning.native_learner import NativeLearner
from mettle.adapters.learning.run_state import TrainingState
from mettle.adapters.learning.tensor.learner import TensorLearner
from mettle.adapters.learning.tensor.market import HostMarket
from mettle.adapters.learning.tensor.network import ActorCritic
from mettle.adapters.learning.tensor.rollout import Rollout
from mettle.adapters.learning.tensor.update import FIGURES, Update
from mettle.adapters.simulation.market_batch import BatchSettings, MarketBatch
from mettle.adapters.simulation.sb3_vec_env import MarketVecEnv
from mettle.application.ports.trainer import PpoSettings
from mettle.domain.errors import ConfigError
from mettle.domain.simulation.settings import SimulationSettings
from stable_baselines3 import PPO
from tests.support.learning import persistent_panel
from tests.support.ppo import (
    gradient_of,
    same_rollout,
    sb3,
    schulman_losses,
    shaken,
    weights_of,
)
from tests.support.tensor_ppo import BUFFERS, Walks, samples, tensor_learner

SETTINGS = PpoSettings(
    environments=16,
    rollout=32,
    batch_size=128,
    epochs=3,
    learning_rate=1e-3,
    entropy_coefficient=0.01,
    initial_log_std=-0.5,
    hidden=(64, 64),
)
SHAPES = [
    (69, 4, (64, 64)),
    (3, 1, (8,)),
    (17, 20, (33, 7)),
    (5, 2, (16, 16, 16)),
]
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
DEVICES = ["cpu", pytest.param("cuda", marks=gpu)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks of this size are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _pair(inputs: int, actions: int, settings: PpoSettings) -> tuple[PPO, TensorLearner]:
    model = sb3(inputs, actions, settings)
    rng = np.random.default_rng(inputs)
    shaken(model, rng)
    learner = tensor_learner(inputs, actions, settings)
    learner.load(weights_of(model))
    same_rollout(model, samples(learner), rng)
    return model, learner


@pytest.mark.parametrize(("inputs", "actions", "hidden"), SHAPES)
def test_gradients_are_those_of_stable_baselines3(
    inputs: int, actions: int, hidden: tuple[int, ...]
) -> None:
    """Every parameter's gradient over random minibatches, to 1e-5."""
    settings = replace(SETTINGS, hidden=hidden)
    model, learner = _pair(inputs, actions, settings)
    rng = np.random.default_rng(0)
    for count in (2, 63, 64, 200, 512):
        positions = rng.permutation(512)[:count]
        vector, told = learner.update.gradient(torch.from_numpy(positions))
        wanted = schulman_losses(model, samples(learner), positions.astype(np.int32), settings)
        losses = dict(zip(FIGURES, told.tolist(), strict=True))
        assert losses == pytest.approx(wanted, rel=1e-4, abs=1e-6)
        mine = learner.network.tensors(vector)
        for name, theirs in gradient_of(model).items():
            scale = max(1.0, float(np.abs(theirs).max()))
            np.testing.assert_allclose(mine[name], theirs, rtol=0, atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize("norm", [0.5, 50.0])
def test_a_whole_update_is_that_of_stable_baselines3(norm: float) -> None:
    """PPO.train() over the same minibatches ends at the same weights, to 1e-5.

    Every gradient is longer than the one norm, none as long as the other.
    """
    model, learner = _pair(69, 4, replace(SETTINGS, max_gradient_norm=norm))
    state = np.random.RandomState(11)  # what Stable-Baselines3 draws from
    np.random.seed(11)  # noqa: NPY002 - the same
    # Its positions run over an environment's steps first.
    theirs = np.stack([state.permutation(512) for _ in range(3)])
    learner.update.order(torch.from_numpy(theirs % 32 * 16 + theirs // 32))
    before = learner.weights()
    learner.update.run()
    model.train()
    logged = model.logger.name_to_value
    mine = learner.weights()
    for name, wanted in weights_of(model).items():
        np.testing.assert_allclose(mine[name], wanted, rtol=0, atol=1e-5, err_msg=name)
        assert np.abs(wanted - before[name]).max() > 1e-4
    for name, value in zip(FIGURES, learner.update.summary().tolist(), strict=True):
        assert value == pytest.approx(logged[f"train/{name}"], rel=1e-3, abs=1e-5), name
    assert float(learner.update.updates) == 12


def test_a_rollout_is_that_of_stable_baselines3() -> None:
    """Observations, rewards with what cut episodes are worth, advantages and returns, to 1e-5.

    Actions without noise make both play the same; episodes of five bars are cut off all the time.
    """
    settings = replace(SETTINGS, initial_log_std=-20.0, hidden=(8, 8))
    model = sb3(5, 1, settings)
    shaken(model, np.random.default_rng(1), 0.3)
    with torch.no_grad():
        model.policy.get_parameter("log_std").fill_(-20.0)
    env = MarketVecEnv(_market())
    model.env, model._last_obs = env, env.batch.output.observations.copy()
    model._last_episode_starts = np.ones(16, dtype=bool)
    _, callback = model._setup_learn(0, reset_num_timesteps=False)
    model.collect_rollouts(env, callback, model.rollout_buffer, settings.rollout)
    market = HostMarket(_market())
    learner = TensorLearner(market, settings, 1, torch.device("cpu"), inputs=5, see=lambda one: one)
    learner.load(weights_of(model))
    learner.rollout.play(torch.Generator().manual_seed(1))
    for name in BUFFERS:
        if name != "log_probs":  # those of the noise, which is another
            theirs = getattr(model.rollout_buffer, name)
            np.testing.assert_allclose(samples(learner)[name], theirs, rtol=0, atol=1e-5)
    mine = learner.rollout.rewards.numpy()
    np.testing.assert_allclose(mine, model.rollout_buffer.rewards, rtol=0, atol=1e-5)
    assert int(learner.rollout.dones.sum()) > 50
    told = [(one["r"], one["l"]) for one in model.ep_info_buffer or ()]
    np.testing.assert_allclose(learner.rollout.episodes(), told, rtol=0, atol=1e-6)


def _market() -> MarketBatch:
    panel = persistent_panel(200)
    features = np.random.default_rng(2).normal(size=(200, 1, 1)).astype(np.float32)
    valid = np.ones((200, 1), dtype=np.bool_)
    return MarketBatch(
        panel, features, valid, SimulationSettings(), BatchSettings(16, seed=4, episode_length=5)
    )


def test_first_weights_are_those_of_the_native_learner() -> None:
    """One seed begins alike in both."""
    settings = replace(SETTINGS, hidden=(8, 5))
    native = NativeLearner(_market(), settings, 5)
    mine = TensorLearner(
        HostMarket(_market()), settings, 5, torch.device("cpu"), inputs=5, see=lambda one: one
    )
    assert list(mine.weights()) == list(native.weights())
    for name, one in native.weights().items():
        np.testing.assert_array_equal(mine.weights()[name], one)


def test_what_a_graph_will_hold_asks_nothing_of_the_data() -> None:
    """On a device without data a wait, or a tensor of another device, is an error.

    A CUDA graph is replayed without Python: what it holds must never look at a number.
    """
    device = torch.device("meta")
    market = Walks(8, 5, 2, device)
    network = ActorCritic(5, 2, (7, 3), device)
    settings = replace(SETTINGS, environments=8, rollout=4, batch_size=16)
    rollout = Rollout(market, network, lambda one: one, settings)
    update = Update(network, rollout, lambda one: one, settings)
    rollout.play(torch.Generator())
    update.run()
    assert update.summary().shape == (len(FIGURES),)
    with pytest.raises(RuntimeError, match="meta tensors"):
        float(update.updates)


@pytest.mark.parametrize("device", DEVICES)
def test_a_learner_goes_on_from_its_state(device: str) -> None:
    """Weights, moments, environments and generator are all that there is between two rollouts."""
    whole = tensor_learner(5, 2, SETTINGS, device)
    for _ in range(5):  # on a GPU graphs are there by now
        whole.learn()
    tensors, numbers = whole.capture()
    fresh = tensor_learner(5, 2, SETTINGS, device)
    fresh.restore(TrainingState(tensors, numbers))
    assert fresh.frames == whole.frames == 5 * 512
    for _ in range(5):
        assert fresh.learn() == whole.learn()
    assert _bits(fresh) == _bits(whole)
    assert _bits(tensor_learner(5, 2, SETTINGS, device)) != _bits(whole)


def _bits(learner: TensorLearner) -> bytes:
    return b"".join(one.tobytes() for one in learner.capture()[0].values())


def test_states_of_other_shapes_are_refused() -> None:
    """Names, shapes, types and the generator's state must be exactly right."""
    learner = tensor_learner(5, 2, SETTINGS)
    tensors, numbers = learner.capture()
    with pytest.raises(ValueError, match="log_std"):
        learner.load({})
    with pytest.raises(ValueError, match="log_std must be float32"):
        learner.load({**learner.weights(), "log_std": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match="another kind"):
        learner.restore(TrainingState({**tensors, "noise": tensors["noise"][:9].copy()}, numbers))


def test_a_network_without_width_is_refused() -> None:
    """A layer of no units would cut the policy off from what it sees."""
    with pytest.raises(ConfigError, match=r"ppo.hidden \(8, 0\)"):
        tensor_learner(5, 2, replace(SETTINGS, hidden=(8, 0)))


@gpu
def test_graphs_do_what_is_called_without_them() -> None:
    """To the bit, over rollouts with ends of both kinds."""
    with_graphs, without = (
        tensor_learner(5, 2, SETTINGS, "cuda", graphs=graphs) for graphs in (True, False)
    )
    for _ in range(6):
        assert with_graphs.learn() == without.learn()
    assert _bits(with_graphs) == _bits(without)


@gpu
def test_a_gpu_learns_as_a_processor_does() -> None:
    """From the same weights and samples one update ends at the same weights, to 1e-5."""
    model, here = _pair(69, 4, SETTINGS)
    there = tensor_learner(69, 4, SETTINGS, "cuda")
    there.load(weights_of(model))
    for name in BUFFERS:
        getattr(there.rollout, name).copy_(getattr(here.rollout, name))
    order = torch.from_numpy(
        np.stack([np.random.default_rng(k).permutation(512) for k in (1, 2, 3)])
    )
    for one in (here, there):
        one.update.order(order)
        one.update.run()
    mine = there.weights()
    for name, wanted in here.weights().items():
        np.testing.assert_allclose(mine[name], wanted, rtol=0, atol=1e-5, err_msg=name)


@gpu
def test_nothing_waits_between_two_rollouts() -> None:
    """PyTorch itself raises where the processor would wait for the GPU."""
    learner = tensor_learner(5, 2, SETTINGS, "cuda")
    for _ in range(5):
        learner.learn()
    noise = torch.Generator("cuda").manual_seed(1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        learner.rollout.play(noise)
        learner.update.shuffle(noise)
        learner.update.run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
