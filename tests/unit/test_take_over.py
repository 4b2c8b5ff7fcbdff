"""A foreign policy becomes one of ours that decides alike, or is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mettle.adapters.learning.policy_agent import PolicyAgent
from mettle.adapters.persistence.artefacts import MemoryArtefactStore
from mettle.adapters.persistence.registry import MemoryModelRegistry
from mettle.adapters.system import SequentialIds, SimulatedClock
from mettle.application.learning.fold import fold
from mettle.application.learning.policy import Network
from mettle.application.learning.register import Registrar
from mettle.application.learning.registry import Origin, Sign
from mettle.application.learning.take_over import ForeignRequest, TakeOver
from mettle.application.ports.foreign_models import ForeignModel, ForeignNormaliser
from mettle.domain.errors import ArtefactError, InvalidValue
from mettle.domain.market import Timeframe
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray
from tests.support.learning import TWO_RETURNS, persistent_panel, random_network

ASSETS, FEATURES, PORTFOLIO = 2, 2, 7


def original(
    network: Network, normaliser: ForeignNormaliser | None, seen: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Decide as the foreign program does, in plain NumPy."""
    values = seen.astype(np.float64)
    if normaliser is not None:
        values = (values - normaliser.mean) / normaliser.deviation
        values = np.clip(values, -normaliser.clip, normaliser.clip)
    for index, layer in enumerate(network.layers):
        values = values @ layer.weight.T.astype(np.float64) + layer.bias
        if index < len(network.layers) - 1:
            values = np.tanh(values) if network.activation == "tanh" else np.maximum(values, 0)
    return np.clip(values, -1, 1).astype(np.float32)


def foreign(
    window: int = 1, *, portfolio: bool = True, normalised: bool = True, activation: str = "tanh"
) -> ForeignModel:
    """Return a foreign model with the answers of the original on 64 observations."""
    rng = np.random.default_rng(window)
    inputs = window * ASSETS * FEATURES + (PORTFOLIO if portfolio else 0)
    network = random_network(inputs, 8, ASSETS, seed=4, activation=activation)
    normaliser = None
    probes = rng.normal(size=(64, inputs))
    if normalised:
        deviation = 0.1 + rng.random(inputs)
        normaliser = ForeignNormaliser(rng.normal(size=inputs), deviation, 10.0)
        probes = normaliser.mean + probes * deviation
    seen = probes.astype(np.float32)
    return ForeignModel(
        network, normaliser, seen, original(network, normaliser, seen),
        {"n_envs": 2.0, "gamma": 0.9, "seed": 5.0, "num_timesteps": 640.0},
        "Stable-Baselines3 2.9.2", {"model.zip": "ab" * 32}, ("limits",),
    )  # fmt: skip


class Found:
    """Reads the same model whatever is asked."""

    def __init__(self, model: ForeignModel) -> None:
        self._model = model

    def read(self, model: Path, normaliser: Path | None = None) -> ForeignModel:
        """Return the model."""
        return self._model


class Desk:
    """The use case with everything in memory."""

    def __init__(self, model: ForeignModel) -> None:
        self.store, self.registry = MemoryArtefactStore(), MemoryModelRegistry()
        clock = SimulatedClock(9_000)
        registrar = Registrar(self.registry, clock, SequentialIds())
        self.take_over = TakeOver(Found(model), self.store, registrar, clock, PolicyAgent)


def request(window: int = 1) -> ForeignRequest:
    """Return what the owner says of the model."""
    return ForeignRequest(
        name="old",
        model=Path("model.zip"),
        instruments=persistent_panel(8, ASSETS).instruments,
        timeframe=Timeframe.parse("1h"),
        feature_set=TWO_RETURNS,
        window=window,
        settings=SimulationSettings(),
        sign=Sign(at=9_000, by="me", reason="mine"),
    )


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("portfolio", [True, False])
@pytest.mark.parametrize("window", [1, 3])
def test_it_decides_as_the_original(
    window: int, portfolio: bool, normalised: bool, activation: str
) -> None:
    """With and without normaliser, portfolio and a window, on every probe."""
    model = foreign(window, portfolio=portfolio, normalised=normalised, activation=activation)
    desk = Desk(model)
    taken = desk.take_over(request(window))
    assert taken.difference < 1e-5
    assert taken.probes == 64
    manifest = desk.store.load("old").manifest
    assert (manifest.period, manifest.seed, manifest.frames) == ((0, 9_000), 5, 640)
    assert (manifest.ppo.discount, manifest.ppo.hidden) == (0.9, (8,))
    record = desk.registry.get(taken.record.model_id)
    assert (record.origin, record.hashes.artefact) == (Origin.IMPORT, manifest.digest)
    trust = desk.registry.history(record.model_id)[-1]
    assert (trust.by, trust.reason) == ("me", "mine")
    assert "ab" * 32 in trust.after


def test_one_that_decides_otherwise_is_refused() -> None:
    """And neither kept nor registered."""
    model = foreign()
    wrong = replace(model, actions=model.actions + np.float32(0.01))
    desk = Desk(wrong)
    with pytest.raises(ArtefactError, match=r"decides otherwise than the original, by up to 0\.01"):
        desk.take_over(request())
    assert list(desk.store.names()) == []
    assert list(desk.registry.list()) == []


def test_actions_that_are_no_numbers_are_refused() -> None:
    """A comparison with NaN is no agreement."""
    model = foreign()
    desk = Desk(replace(model, actions=np.full_like(model.actions, np.nan)))
    with pytest.raises(ArtefactError, match="decides otherwise"):
        desk.take_over(request())


def test_one_of_other_widths_is_refused() -> None:
    """The message says what the stated features would give."""
    with pytest.raises(ArtefactError, match=r"takes 11 values to 2 actions; .* give 15 values"):
        Desk(foreign()).take_over(request(window=2))
    with pytest.raises(ArtefactError, match="3 assets"):
        fold(foreign().network, None, (1, 3, 2))


def test_a_taken_name_is_refused() -> None:
    """Unless it is to be replaced."""
    desk = Desk(foreign())
    desk.take_over(request())
    with pytest.raises(InvalidValue, match="already"):
        desk.take_over(request())
    desk.take_over(replace(request(), replace=True))
    assert len(desk.registry.list()) == 1


def test_what_cannot_be_quite_the_same_is_said() -> None:
    """Inputs that never moved, and portfolio values that the original would have clipped."""
    model = foreign()
    assert model.normaliser is not None
    mean, deviation = np.zeros(11), np.ones(11)
    deviation[2] = 1e-4
    deviation[1] = 0.05
    folded = fold(model.network, ForeignNormaliser(mean, deviation, 10.0), (1, 2, 2))
    assert folded.warnings == (
        "unrealised return of asset 1 never moved in training and is left out of account",
        "weight of asset 1 was clipped to [-0.5, 0.5] in training, not here",
    )
    assert not folded.network.layers[0].weight[:, 2].any()


def test_features_are_clipped_as_in_training() -> None:
    """With a window of one bar, far beyond the clip too."""
    model = foreign()
    assert model.normaliser is not None
    desk = Desk(model)
    desk.take_over(request())
    agent = PolicyAgent(desk.store.load("old"))
    far = model.probes.copy()
    far[:, PORTFOLIO:] *= np.float32(1e4)
    ours = np.array([
        agent.decide(one[PORTFOLIO:].astype(np.float64).reshape(1, 2, 2), one[:PORTFOLIO])
        for one in far
    ])  # fmt: skip
    np.testing.assert_allclose(
        np.clip(ours, -1, 1), original(model.network, model.normaliser, far), atol=1e-5
    )
