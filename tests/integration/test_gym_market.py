"""The market under Gymnasium and Stable-Baselines3, through their own checks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from mettle.adapters.simulation.gym_market import make_batch
from mettle.adapters.simulation.market_batch import BatchSettings
from mettle.adapters.simulation.registration import MARKET_ID
from mettle.adapters.simulation.sb3_vec_env import MarketVecEnv
from mettle.adapters.simulation.single_env import MarketEnv
from mettle.adapters.simulation.vector_env import MarketVectorEnv
from mettle.domain.errors import InvalidValue
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecMonitor


@pytest.mark.filterwarnings("ignore:.*A Box observation space m:UserWarning")
def test_one_environment_passes_the_checker() -> None:
    """``gymnasium.make`` builds an environment that Gymnasium's own checker accepts."""
    env = gymnasium.make(MARKET_ID, episode_length=15)
    check_env(env.unwrapped)
    observation, _ = env.reset(seed=1)
    for step in range(15):
        observation, _, terminated, truncated, info = env.step(env.action_space.sample())
        assert truncated == (step == 14)
        assert not terminated
    assert info["equity"] > 0
    assert not np.array_equal(env.reset()[0], observation)


def test_make_vec_uses_the_native_vector_environment() -> None:
    """``make_vec`` reaches the batch itself, with its modes and settings."""
    envs = gymnasium.make_vec(MARKET_ID, num_envs=6, mode="index", window=32, threads=2)
    assert isinstance(envs.unwrapped, MarketVectorEnv)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, _ = envs.reset(seed=2)
    assert observations.shape == (6, 15)
    assert envs.observation_space.contains(observations)


def test_vector_and_single_environments_agree() -> None:
    """The first of many equals a single one, ends and infos as SyncVectorEnv gives them."""
    many = MarketVectorEnv(3, episode_length=5, seed=4)
    plain = SyncVectorEnv(
        [lambda: MarketEnv(episode_length=5, seed=4)], autoreset_mode=AutoresetMode.SAME_STEP
    )
    first, _ = many.reset(seed=4)
    expected, _ = plain.reset(seed=4)
    np.testing.assert_array_equal(first[:1], expected)
    rng = np.random.default_rng(0)
    for step in range(12):
        actions = rng.uniform(-1, 1, (3, 4)).astype(np.float32)
        found: Any = many.step(actions)
        wanted: Any = plain.step(actions[:1])
        for left, right in zip(found[:4], wanted[:4], strict=True):
            np.testing.assert_allclose(left[:1], right, rtol=1e-7)
        assert ("final_obs" in found[4]) == ("final_obs" in wanted[4]) == (step % 5 == 4)
        if step % 5 == 4:
            np.testing.assert_array_equal(found[4]["final_obs"][0], wanted[4]["final_obs"][0])
            assert found[4]["final_info"]["equity"][0] == wanted[4]["final_info"]["equity"][0]
            assert found[4]["_final_obs"].all()


def test_copies_are_the_callers_own() -> None:
    """By default a returned observation stays; without copies two steps later it has changed."""
    for copy in (True, False):
        envs = MarketVectorEnv(4, copy=copy)
        kept, _ = envs.reset(seed=0)
        before = kept.copy()
        for _ in range(4):
            envs.step(np.ones((4, 4), dtype=np.float32))
        assert np.array_equal(kept, before) == copy


def make_vec_env(environments: int = 8, length: int = 6) -> MarketVecEnv:
    """Return an SB3 environment over the embedded panel."""
    return MarketVecEnv(make_batch(BatchSettings(environments, episode_length=length)))


def test_only_finished_episodes_have_infos() -> None:
    """Infos are empty until an end, which carries what SB3 reads, and empty again after it."""
    env = make_vec_env()
    env.reset()
    actions = np.full((8, 4), 0.3, dtype=np.float32)
    total = np.zeros(8)
    for step in range(13):
        observations, rewards, dones, infos = env.step(actions)
        total += rewards
        assert dones.all() == (step % 6 == 5)
        if not dones.all():
            assert infos == [{}] * 8
            continue
        for index, info in enumerate(infos):
            assert info["TimeLimit.truncated"] is True
            assert info["terminal_observation"].shape == np.asarray(observations)[index].shape
            assert info["episode"]["r"] == pytest.approx(total[index], abs=1e-5)
            assert info["episode"]["l"] == 6
        total[:] = 0


def test_ppo_learns_two_rollouts_and_is_repeatable(tmp_path: Path) -> None:
    """Stable-Baselines3 trains on it; the same seed gives the same weights."""

    def train() -> list[float]:
        model = PPO("MlpPolicy", make_vec_env(16, 20), n_steps=32, batch_size=128, n_epochs=2,
                    seed=3, device="cpu")  # fmt: skip
        model.set_logger(configure(str(tmp_path), []))
        model.learn(2 * 32 * 16)
        assert model.ep_info_buffer
        weights: list[float] = model.policy.get_parameter("action_net.weight").flatten().tolist()
        return weights

    assert train() == train()


def test_sb3_wrappers_and_seeds_work() -> None:
    """Monitoring wrappers leave the infos alone; seeding repeats the episodes."""
    env = VecMonitor(make_vec_env())
    env.seed(9)
    first = np.array(env.reset())
    env.step(np.zeros((8, 4), dtype=np.float32))
    env.seed(9)
    np.testing.assert_array_equal(np.array(env.reset()), first)
    assert not np.array_equal(np.array(env.reset()), first)
    assert env.get_attr("num_envs", [0, 1]) == [8, 8]
    with pytest.raises(InvalidValue):
        env.env_method("render")
    env.close()


def test_a_vec_env_resumes_from_a_snapshot() -> None:
    """Snapshot and restore continue an SB3 environment exactly."""
    env, other = make_vec_env(), make_vec_env()
    env.reset()
    actions = np.full((8, 4), 0.5, dtype=np.float32)
    for _ in range(4):
        env.step(actions)
    other.restore(env.snapshot())
    for _ in range(9):
        np.testing.assert_array_equal(env.step(actions)[0], other.step(actions)[0])


def test_registering_needs_no_torch() -> None:
    """Gymnasium, the registration and a vector environment load no learning library."""
    code = (
        "import sys, gymnasium, mettle\n"
        f"gymnasium.make_vec({MARKET_ID!r}, num_envs=2).reset(seed=0)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
