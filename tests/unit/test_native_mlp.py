"""The native network from Python: shapes, types and the same bits for any batch."""

from __future__ import annotations

import numpy as np
import pytest
from mettle import _native
from mettle.adapters.learning.policy_agent import native_network
from tests.support.learning import random_network


def rows(count: int, width: int = 21) -> np.ndarray:
    """Return random float32 observations."""
    return np.random.default_rng(3).normal(size=(count, width)).astype(np.float32)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("batch", [1, 7, 64, 4096])
def test_bits_do_not_depend_on_the_batch(batch: int, activation: str) -> None:
    """A row gives the same bits alone, among 7, 64 and 4,096."""
    mlp = native_network(random_network(21, 64, 64, 3, activation=activation))
    obs = rows(4096)
    alone = np.stack([mlp.forward(row) for row in obs])
    parts = [mlp.forward(obs[i : i + batch]) for i in range(0, 4096, batch)]
    assert np.concatenate(parts).tobytes() == alone.tobytes()


def test_bits_do_not_depend_on_the_dispatch_level() -> None:
    """The portable kernel gives what the best one of this machine gives."""
    network = random_network(21, 64, 64, 3)
    weights = [one.weight for one in network.layers]
    biases = [one.bias for one in network.layers]
    best = _native.Mlp(weights, biases)
    portable = _native.Mlp(weights, biases, dispatch="portable")
    assert best.forward(rows(512)).tobytes() == portable.forward(rows(512)).tobytes()


def test_the_caller_may_own_the_output() -> None:
    """An array given as out is written and returned, without another one."""
    mlp = native_network(random_network(21, 8, 3))
    out = np.full(3, np.nan, dtype=np.float32)
    assert mlp.forward(rows(1)[0], out) is out
    assert np.isfinite(out).all()
    many = np.full((5, 3), np.nan, dtype=np.float32)
    assert mlp.forward(rows(5), many) is many
    assert many[0].tobytes() == out.tobytes()


def test_an_empty_batch_gives_no_action() -> None:
    """No rows in, no rows out."""
    mlp = native_network(random_network(21, 8, 3))
    assert mlp.forward(np.empty((0, 21), np.float32)).shape == (0, 3)


@pytest.mark.parametrize(
    ("obs", "out", "error"),
    [
        (np.zeros(21), None, TypeError),
        (np.zeros((4, 42), np.float32)[:, ::2], None, TypeError),
        (np.zeros(20, np.float32), None, ValueError),
        (np.zeros((2, 20), np.float32), None, ValueError),
        (np.zeros((1, 1, 21), np.float32), None, ValueError),
        (np.zeros((), np.float32), None, ValueError),
        (np.zeros(21, np.float32), np.zeros(3), TypeError),
        (np.zeros(21, np.float32), np.zeros(2, np.float32), ValueError),
        (np.zeros(21, np.float32), np.zeros((1, 3), np.float32), ValueError),
        (np.zeros((2, 21), np.float32), np.zeros((3, 3), np.float32), ValueError),
    ],
)
def test_other_types_and_shapes_are_refused(
    obs: np.ndarray, out: np.ndarray | None, error: type[Exception]
) -> None:
    """Nothing is converted or broadcast silently."""
    mlp = native_network(random_network(21, 8, 3))
    with pytest.raises(error):
        mlp.forward(obs, out)


def test_a_read_only_output_is_refused() -> None:
    """What numpy protects is not written to."""
    out = np.zeros(3, np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writ"):
        native_network(random_network(21, 8, 3)).forward(rows(1)[0], out)


@pytest.mark.parametrize(
    ("weights", "biases", "error"),
    [
        ([], [], ValueError),
        ([np.zeros((2, 3), np.float32)], [], ValueError),
        ([np.zeros((2, 3), np.float32)], [np.zeros(3, np.float32)], ValueError),
        ([np.zeros((2, 3))], [np.zeros(2, np.float32)], TypeError),
        ([np.zeros((0, 3), np.float32)], [np.zeros(0, np.float32)], ValueError),
        ([np.zeros(3, np.float32)], [np.zeros(3, np.float32)], ValueError),
        ([np.zeros((2, 3), np.float32)] * 2, [np.zeros(2, np.float32)] * 2, ValueError),
    ],
)
def test_layers_that_do_not_fit_are_refused(
    weights: list[np.ndarray], biases: list[np.ndarray], error: type[Exception]
) -> None:
    """Missing, doubled, misshapen and unchained layers end before any arithmetic."""
    with pytest.raises(error):
        _native.Mlp(weights, biases)


@pytest.mark.parametrize("words", [{"activation": "gelu"}, {"dispatch": "fastest"}])
def test_unknown_words_are_refused(words: dict[str, str]) -> None:
    """Only what the kernel has can be asked for."""
    with pytest.raises(ValueError, match="must be"):
        _native.Mlp([np.zeros((2, 3), np.float32)], [np.zeros(2, np.float32)], **words)
