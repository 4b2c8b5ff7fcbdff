"""The native learner against torch: gradients, a whole update, and any number of threads."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from mettle import _native
from mettle.application.ports.trainer import PpoSettings
from stable_baselines3 import PPO
from tests.support.ppo import (
    gradient_of,
    learner,
    same_rollout,
    sb3,
    schulman_losses,
    shaken,
    weights_of,
)

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


def _pair(
    inputs: int, actions: int, settings: PpoSettings, dispatch: str = "best"
) -> tuple[PPO, _native.PpoLearner]:
    model = sb3(inputs, actions, settings)
    rng = np.random.default_rng(inputs)
    shaken(model, rng)
    native = learner(inputs, actions, settings, dispatch=dispatch)
    native.load("weights", weights_of(model))
    same_rollout(model, native.rollout(), rng)
    return model, native


def _dispatches() -> list[str]:
    found = []
    for name in ("portable", "avx2", "avx512"):
        try:
            learner(1, 1, SETTINGS, dispatch=name)
        except ValueError:
            continue
        found.append(name)
    return found


def _filled(threads: int, settings: PpoSettings = SETTINGS, shape: int = 69) -> _native.PpoLearner:
    """Return a learner with a rollout and weights out of a generator."""
    rng = np.random.default_rng(7)
    native = learner(shape, 4, settings, threads)
    native.load(
        "weights",
        {
            name: rng.normal(scale=0.2, size=one.shape).astype(np.float32)
            for name, one in native.tensors("weights").items()
        },
    )
    for name, one in native.rollout().items():
        if name != "dones":
            one[:] = rng.normal(size=one.shape)
    native.rollout()["log_probs"][:] = -5.0
    return native


def _bits(native: _native.PpoLearner) -> bytes:
    kinds = ("weights", "first_moments", "second_moments")
    return b"".join(one.tobytes() for kind in kinds for one in native.tensors(kind).values())


@pytest.mark.parametrize("dispatch", _dispatches())
@pytest.mark.parametrize(("inputs", "actions", "hidden"), SHAPES)
def test_gradients_are_those_of_torch(
    inputs: int, actions: int, hidden: tuple[int, ...], dispatch: str
) -> None:
    """Every parameter's gradient over random minibatches equals torch's to 1e-5."""
    settings = replace(SETTINGS, hidden=hidden)
    model, native = _pair(inputs, actions, settings, dispatch)
    rng = np.random.default_rng(0)
    for count in (2, 63, 64, 200, 512):
        positions = rng.permutation(512)[:count].astype(np.int32)
        losses = native.minibatch(positions)
        wanted = schulman_losses(model, native.rollout(), positions, settings)
        assert losses == pytest.approx(wanted, rel=1e-4, abs=1e-6)
        mine = native.tensors("gradient")
        for name, theirs in gradient_of(model).items():
            scale = max(1.0, float(np.abs(theirs).max()))
            np.testing.assert_allclose(mine[name], theirs, rtol=0, atol=1e-5 * scale, err_msg=name)


def test_a_whole_update_is_that_of_stable_baselines3() -> None:
    """PPO.train() over the same minibatches ends at the same weights, to 1e-5."""
    model, native = _pair(69, 4, SETTINGS)
    state = np.random.RandomState(11)  # what Stable-Baselines3 draws from
    np.random.seed(11)  # noqa: NPY002 - the same
    # Its positions run over an environment's steps first.
    theirs = np.stack([state.permutation(512) for _ in range(3)])
    order = theirs % 32 * 16 + theirs // 32
    before = native.tensors("weights")
    losses = native.update(order.astype(np.int32))
    model.train()
    logged = model.logger.name_to_value
    for name, wanted in weights_of(model).items():
        np.testing.assert_allclose(native.tensors("weights")[name], wanted, rtol=0, atol=1e-5)
        assert np.abs(wanted - before[name]).max() > 1e-4
    for name, value in losses.items():
        assert value == pytest.approx(logged[f"train/{name}"], rel=1e-3, abs=1e-5), name
    assert native.counters == (0, 3, 12)


@pytest.mark.parametrize("batch", [8, 64, 512])
def test_threads_do_not_change_a_bit(batch: int) -> None:
    """One, two, three and seven threads learn the same weights from the same rollout."""
    settings = replace(SETTINGS, batch_size=batch, epochs=1)
    one = _filled(1, settings)
    losses = one.update()
    for threads in (2, 3, 7):
        many = _filled(threads, settings)
        assert many.update() == losses
        assert _bits(many) == _bits(one)


def test_an_update_goes_on_from_its_state() -> None:
    """Weights, moments and counters are all that there is between two updates."""
    whole = _filled(1)
    whole.update()
    kept = {kind: whole.tensors(kind) for kind in ("weights", "first_moments", "second_moments")}
    counters = whole.counters
    fresh = _filled(1)
    for kind, tensors in kept.items():
        fresh.load(kind, tensors)
    fresh.counters = counters
    assert fresh.update() == whole.update()
    assert _bits(fresh) == _bits(whole)


def test_every_epoch_is_shuffled_anew() -> None:
    """Two epochs in the same order would end elsewhere."""
    rest = {name: one for name, one in asdict(SETTINGS).items() if name != "seed"}
    ends = set()
    for seed in (1, 2):
        native = _native.PpoLearner(69, 4, rest, seed)
        native.load("weights", _filled(1).tensors("weights"))
        for name, one in native.rollout().items():
            one[:] = _filled(1).rollout()[name]
        native.update()
        ends.add(_bits(native))
    assert len(ends) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 100}, "batch_size must be at least 2 and divide"),
        ({"batch_size": 1}, "batch_size must be at least 2 and divide"),
        ({"environments": 0}, "environments must lie in"),
        ({"hidden": ()}, "widths must lie in"),
        ({"hidden": (0,)}, "widths must lie in"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    """Nothing is rounded or padded in silence."""
    with pytest.raises(ValueError, match=message):
        _native.PpoLearner(3, 1, {**asdict(SETTINGS), **changes}, 1)


def test_wrong_arrays_are_refused() -> None:
    """Names, shapes, types and positions must be exactly right."""
    native = _filled(1)
    weights = native.tensors("weights")
    with pytest.raises(ValueError, match="log_std is not given"):
        native.load("weights", {})
    with pytest.raises(ValueError, match="an unknown tensor"):
        native.load("weights", {**weights, "more": weights["log_std"]})
    with pytest.raises(TypeError, match="log_std must be"):
        native.load("weights", {**weights, "log_std": np.zeros(4)})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="cannot be loaded"):
        native.load("gradient", weights)
    with pytest.raises(ValueError, match="there are weights"):
        native.tensors("third_moments")
    with pytest.raises(ValueError, match="outside the rollout"):
        native.minibatch(np.array([0, 512], dtype=np.int32))
    with pytest.raises(ValueError, match="at least two"):
        native.minibatch(np.array([0], dtype=np.int32))
    with pytest.raises(TypeError, match="order must be"):
        native.update(np.zeros((1, 512), dtype=np.int32))
    with pytest.raises(ValueError, match="not negative"):
        native.counters = (0, -1, 0)
    with pytest.raises(ValueError, match="dispatch must be"):
        learner(1, 1, SETTINGS, dispatch="fastest")
