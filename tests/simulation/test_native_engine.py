"""The native engine: the same run whichever way an agent decides."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
from mettle import _native
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.simulation.reference import ReferenceEngine
from mettle.application.learning.scaler import FeatureScaler
from mettle.application.market import MarketPanel
from mettle.application.ports.backtest_engine import EngineRun
from mettle.application.ports.feature_builder import FeatureTable
from mettle.application.strategies import EmaCross
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.signals.catalogue import feature
from mettle.domain.signals.features import FeatureSet
from mettle.domain.simulation.settings import SimulationSettings
from numpy.typing import NDArray

SETTINGS = SimulationSettings(stop_loss=20_000)


@functools.cache
def panel() -> MarketPanel:
    """Three synthetic perpetuals with funding."""
    return synthetic_panel(5, 3, 400, perpetual=True)


def table(feature_set: FeatureSet) -> FeatureTable:
    """Return the panel's features."""
    return NativeFeatures(1).table(panel(), feature_set)


class Policy:
    """A random network over two features and a window of three bars."""

    name = "policy"
    feature_set = FeatureSet((feature("rsi", 5), feature("price_change")))
    window = 3

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        sizes = (1 + 9 + 3 * 3 * 2, 16, 3)
        pairs = list(zip(sizes[1:], sizes, strict=False))
        weights = [rng.normal(0, 0.6, pair).astype(np.float32) for pair in pairs]
        biases = [rng.normal(0, 0.3, pair[0]).astype(np.float32) for pair in pairs]
        self.network = _native.Mlp(weights, biases)
        values = table(self.feature_set)
        self.scaler = FeatureScaler.fit(values.values, values.valid)

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Decide one bar as a session does."""
        scaled = self.scaler.transform(features).ravel()
        return self.network.forward(np.concatenate([portfolio, scaled]))


class BarByBar:
    """Hides how else an agent could decide."""

    def __init__(self, agent: Policy | EmaCross) -> None:
        self._agent = agent
        self.name, self.feature_set, self.window = agent.name, agent.feature_set, agent.window

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Ask the agent."""
        return self._agent.decide(features, portfolio)


def check_equal(found: EngineRun, expected: EngineRun) -> None:
    """Compare every array to the bit."""
    assert (found.start, found.stop, found.ruined_at) == (
        expected.start, expected.stop, expected.ruined_at,
    )  # fmt: skip
    for name in ("equity", "cash", "lots", "actions", "funding", "fills"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name


@pytest.mark.parametrize("agent", [Policy(), EmaCross(5, 20)], ids=["policy", "rule"])
def test_every_way_of_deciding_gives_the_same_run(agent: Policy | EmaCross) -> None:
    """Inside the loop, ahead of it, bar by bar and in the plain engine: one result."""
    features = table(agent.feature_set)
    run = NativeEngine().run(panel(), features, agent, SETTINGS, 60, 390)
    assert len(run.fills) > 50
    assert np.abs(run.funding).sum() > 0
    check_equal(NativeEngine().run(panel(), features, BarByBar(agent), SETTINGS, 60, 390), run)
    check_equal(ReferenceEngine().run(panel(), features, agent, SETTINGS, 60, 390), run)


def test_a_run_depends_on_its_stretch_alone() -> None:
    """Bars are numbered by the panel; what lies outside of the stretch does not matter."""
    agent = EmaCross(5, 20)
    features = table(agent.feature_set)
    run = NativeEngine().run(panel(), features, agent, SETTINGS, 100, 200)
    longer = NativeEngine().run(panel(), features, agent, SETTINGS, 100, 300)
    assert (run.start, run.stop, len(run.equity), run.actions.shape) == (100, 200, 100, (99, 3))
    np.testing.assert_array_equal(run.equity, longer.equity[:100])
    assert run.fills["bar"].min() > 100
    assert run.fills["bar"].max() < 200


def test_long_runs_lie_in_memory_that_was_given_up() -> None:
    """Where another run lay nothing of it is left, and who holds a run keeps it."""
    panels = [synthetic_panel(seed, 1, 130_000) for seed in (1, 2)]
    agent, engine = EmaCross(20, 50), NativeEngine()
    tables = [NativeFeatures(1).table(one, agent.feature_set) for one in panels]

    def play(which: int) -> EngineRun:
        return engine.run(
            panels[which], tables[which], agent, SETTINGS, tables[which].warmup, len(panels[which])
        )

    held = play(0)
    wanted = copy.deepcopy(held)
    assert held.equity.base is not None  # long enough for memory of ours
    others = [play(1) for _ in range(3)]
    for one in others[1:]:
        check_equal(one, others[0])
    del others
    check_equal(play(0), wanted)
    check_equal(held, wanted)
    ends = play(1).equity[-3:]
    play(0)
    assert ends.tolist() == play(1).equity[-3:].tolist()


@pytest.mark.parametrize(("start", "stop"), [(2, 100), (100, 101), (100, 401), (-5, 50)])
def test_a_stretch_that_cannot_be_played_is_refused(start: int, stop: int) -> None:
    """Too early, too short, and beyond the panel."""
    agent = EmaCross(5, 20)
    with pytest.raises(DataError):
        NativeEngine().run(panel(), table(agent.feature_set), agent, SETTINGS, start, stop)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(np.zeros(3), "float32"), (np.zeros(2, dtype=np.float32), "shape")],
)
def test_a_wrong_answer_is_refused(answer: NDArray[np.float32], words: str) -> None:
    """An agent's answer is not converted; the agent is named."""

    class Wrong(BarByBar):
        def decide(
            self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
        ) -> NDArray[np.float32]:
            return answer

    agent = Wrong(EmaCross(5, 20))
    with pytest.raises(InvalidValue, match=f"ema-cross.*{words}"):
        NativeEngine().run(panel(), table(agent.feature_set), agent, SETTINGS, 60, 100)


def test_what_an_agent_raises_comes_through() -> None:
    """An agent's own error is not swallowed or renamed by the native loop."""

    class Failing(BarByBar):
        def decide(
            self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
        ) -> NDArray[np.float32]:
            raise DataError("the features are of another day")

    agent = Failing(EmaCross(5, 20))
    with pytest.raises(DataError, match="another day"):
        NativeEngine().run(panel(), table(agent.feature_set), agent, SETTINGS, 60, 100)
