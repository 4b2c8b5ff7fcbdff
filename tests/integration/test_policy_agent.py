"""A policy decides as Stable-Baselines3 predicts, without Stable-Baselines3."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from mettle.adapters.learning.policy_agent import PolicyAgent, native_network
from mettle.adapters.learning.sb3_trainer import export_network
from mettle.adapters.persistence.artefacts import FolderArtefactStore
from mettle.domain.errors import ArtefactError
from stable_baselines3.common.policies import ActorCriticPolicy
from tests.support.learning import LAST_RETURN, TWO_RETURNS, random_artefact


def sb3_policy(inputs: int, actions: int, seed: int, gain: float) -> ActorCriticPolicy:
    """Return a policy of 64 × 64 whose output layer is ``gain`` times as strong as SB3 begins."""
    torch.manual_seed(seed)
    policy = ActorCriticPolicy(
        spaces.Box(-np.inf, np.inf, (inputs,), np.float32),
        spaces.Box(-1.0, 1.0, (actions,), np.float32),
        lambda _: 3e-4,
        net_arch={"pi": [64, 64], "vf": [64, 64]},
    )
    with torch.no_grad():
        policy.get_parameter("action_net.weight").mul_(gain)
        for layer in policy.mlp_extractor.policy_net:
            if isinstance(layer, torch.nn.Linear):
                layer.bias.normal_(0.0, 0.3)
    return policy


@pytest.mark.parametrize(("inputs", "actions"), [(18, 1), (69, 4), (909, 4)])
@pytest.mark.parametrize("gain", [1.0, 30.0])
def test_actions_equal_those_of_predict(inputs: int, actions: int, gain: float) -> None:
    """From fresh to decided policies, narrow to windowed, the difference is under 1e-6."""
    policy = sb3_policy(inputs, actions, seed=inputs, gain=gain)
    obs = np.random.default_rng(0).normal(size=(2000, inputs)).astype(np.float32)
    expected, _ = policy.predict(obs, deterministic=True)
    ours = native_network(export_network(policy)).forward(obs)
    assert np.abs(ours - expected).max() <= 1e-6
    assert np.abs(expected).max() > 0.01 * gain / 30


def test_saturated_actions_lie_within_1e_6_of_the_exact_ones() -> None:
    """Where torch's own rounding exceeds 1e-6 in a wide network, ours does not."""
    policy = sb3_policy(909, 4, seed=1, gain=100.0)
    network = export_network(policy)
    obs = np.random.default_rng(0).normal(size=(2000, 909)).astype(np.float32)
    exact = obs.astype(np.float64)
    for layer in network.layers[:-1]:
        exact = np.tanh(exact @ layer.weight.T.astype(np.float64) + layer.bias)
    last = network.layers[-1]
    exact = np.clip(exact @ last.weight.T.astype(np.float64) + last.bias, -1.0, 1.0)
    assert np.abs(native_network(network).forward(obs) - exact).max() <= 1e-6
    assert 0.05 < (np.abs(exact) == 1.0).mean() < 0.95


def test_the_agent_puts_the_observation_together() -> None:
    """Portfolio first, then scaled features, oldest bar first."""
    artefact = random_artefact(assets=2, window=3)
    agent = PolicyAgent(artefact)
    rng = np.random.default_rng(1)
    features = rng.normal(size=(3, 2, 2))
    portfolio = rng.random(7).astype(np.float32)
    obs = np.concatenate([portfolio, agent.scaler.transform(features).ravel()])
    assert agent.decide(features, portfolio).tobytes() == agent.network.forward(obs).tobytes()
    assert (agent.name, agent.window, agent.feature_set) == ("model", 3, TWO_RETURNS)


def test_decisions_leave_no_trace() -> None:
    """The same inputs give the same bits, whatever was decided between, in separate arrays."""
    agent = PolicyAgent(random_artefact())
    portfolio = np.zeros(7, dtype=np.float32)
    first = agent.decide(np.zeros((3, 2, 2)), portfolio)
    kept = first.copy()
    agent.decide(np.ones((3, 2, 2)), portfolio)
    np.testing.assert_array_equal(first, kept)
    assert agent.decide(np.zeros((3, 2, 2)), portfolio).tobytes() == kept.tobytes()


@pytest.mark.parametrize(
    ("features", "portfolio"),
    [
        (np.zeros((2, 2, 2)), np.zeros(7, np.float32)),
        (np.zeros((3, 2, 1)), np.zeros(7, np.float32)),
        (np.zeros((3, 2, 2)), np.zeros(6, np.float32)),
        (np.zeros((3, 2, 2), np.float32), np.zeros(7, np.float32)),
        (np.zeros((3, 2, 2)), np.zeros(7)),
    ],
)
def test_other_shapes_and_types_are_refused(features: np.ndarray, portfolio: np.ndarray) -> None:
    """Nothing is padded, cut or converted."""
    with pytest.raises(ArtefactError, match="wants"):
        PolicyAgent(random_artefact()).decide(features, portfolio)


def test_another_feature_set_is_refused() -> None:
    """The message names both sets."""
    agent = PolicyAgent(random_artefact())
    agent.require(TWO_RETURNS)
    with pytest.raises(ArtefactError, match=r"not on log_return\(1\) →"):
        agent.require(LAST_RETURN)


def test_loading_and_deciding_import_no_learning_library(tmp_path: Path) -> None:
    """A process that trades with a policy holds neither torch nor Stable-Baselines3."""
    FolderArtefactStore(tmp_path).save(random_artefact())
    script = """
import sys
from pathlib import Path
import numpy as np
from mettle.adapters.learning.policy_agent import PolicyAgent
from mettle.adapters.persistence.artefacts import FolderArtefactStore
agent = PolicyAgent(FolderArtefactStore(Path(sys.argv[1])).load("model"))
action = agent.decide(np.zeros((3, 2, 2)), np.zeros(7, dtype=np.float32))
assert action.shape == (2,)
heavy = {"torch", "stable_baselines3", "gymnasium", "polars", "ccxt", "sqlalchemy"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
