"""The native batch: independent of threads and splits, exact snapshots, equal modes, clear ends."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.market_batch import (
    BatchSettings,
    MarketBatch,
    market_data,
    starting_spans,
)
from mettle.application.market import MarketPanel
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.simulation.settings import Execution, SimulationSettings
from numpy.typing import NDArray

N, F = 96, 5
MARGIN = SimulationSettings(
    leverage=5,
    gross_limit=50_000,
    max_weight=40_000,
    allow_short=True,
    execution=Execution.MAKER,
    stop_loss=10_000,
    trailing_stop=15_000,
    ruin_level=9_000,
)


@functools.cache
def panel() -> MarketPanel:
    """Four synthetic assets over 600 hours."""
    return synthetic_panel(3, 4, 600)


def gapped(rows: slice, column: int = 1) -> MarketPanel:
    """Return the panel with missing bars, which hold the last close."""
    source = panel()
    arrays = {
        name: np.array(getattr(source, name)) for name in ("open", "high", "low", "close", "volume")
    }
    for name in ("open", "high", "low", "close"):
        arrays[name][rows, column] = source.close[rows.start - 1, column]
    arrays["volume"][rows, column] = 0
    state = np.array(source.state)
    state[rows, column] = 0
    return MarketPanel(
        source.timeframe, source.instruments, source.open_time, arrays["open"], arrays["high"],
        arrays["low"], arrays["close"], arrays["volume"], state, source.funding_open,
        source.funding_inside, synthetic=True,
    )  # fmt: skip


def features(bars: MarketPanel) -> NDArray[np.float32]:
    """Return random scaled features."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((*bars.close.shape, F), dtype=np.float32)


def make(
    settings: SimulationSettings | None = None, bars: MarketPanel | None = None, **shape: object
) -> MarketBatch:
    """Return a batch over the panel."""
    source = bars or panel()
    chosen = BatchSettings(**{"environments": N, "episode_length": 40, "threads": 1, **shape})  # type: ignore[arg-type]
    return MarketBatch(
        source, features(source), ~source.missing, settings or SimulationSettings(), chosen
    )


def actions(step: int, count: int = N) -> NDArray[np.float32]:
    """Return random actions of one step."""
    rng = np.random.default_rng([step, 7])
    return rng.uniform(-1.1, 1.1, (N, 4)).astype(np.float32)[:count]


@pytest.mark.parametrize("settings", [SimulationSettings(), MARGIN])
def test_threads_change_nothing(settings: SimulationSettings) -> None:
    """One thread and four give the same bytes."""
    one, four = make(settings), make(settings, threads=4)
    for k in range(60):
        a, b = one.step(actions(k)), four.step(actions(k))
        for left, right in zip(a, b, strict=True):
            assert left.tobytes() == right.tobytes()
    assert one.snapshot() == four.snapshot()


def test_splits_change_nothing() -> None:
    """A population in two batches plays as it does in one."""
    whole = make(MARGIN)
    parts = [
        make(MARGIN, environments=32),
        make(MARGIN, environments=N - 32, first_environment=32, threads=2),
    ]
    for k in range(60):
        row = actions(k)
        expected = whole.step(row)
        found = [parts[0].step(row[:32].copy()), parts[1].step(row[32:].copy())]
        for index, left in enumerate(expected):
            np.testing.assert_array_equal(left, np.concatenate([one[index] for one in found]))


def test_seeds_differ_and_repeat() -> None:
    """The same seed gives the same episodes, another one others, and none the next ones."""
    batch = make()
    first = batch.reset(5).observations.copy()
    following = batch.reset().observations.copy()
    assert batch.reset(5).observations.tobytes() == first.tobytes()
    assert batch.reset().observations.tobytes() == following.tobytes()
    assert batch.reset(6).observations.tobytes() != first.tobytes()


def test_a_snapshot_continues_exactly() -> None:
    """A batch restored from a snapshot goes on as the one that it was taken from."""
    batch = make(MARGIN)
    for k in range(25):
        batch.step(actions(k))
    kept = batch.snapshot()
    shown = batch.output.observations.copy()
    other = make(MARGIN, threads=2)
    assert other.restore(kept).observations.tobytes() == shown.tobytes()
    for k in range(25, 80):
        a, b = batch.step(actions(k)), other.step(actions(k))
        assert a.observations.tobytes() == b.observations.tobytes()
        assert a.rewards.tobytes() == b.rewards.tobytes()
    assert batch.snapshot() == other.snapshot()


@pytest.mark.parametrize("harm", ["cut", "bit", "empty", "settings", "data", "size"])
def test_a_foreign_snapshot_is_refused(harm: str) -> None:
    """Damage, other settings, other data and other sizes are named, and change nothing."""
    kept = make().snapshot()
    harmed = {"cut": kept[:-8], "bit": kept[:200] + b"!" + kept[201:], "empty": b""}.get(harm, kept)
    batch = {
        "settings": lambda: make(MARGIN),
        "data": lambda: make(bars=panel().slice(0, 500)),
        "size": lambda: make(environments=N - 1),
    }.get(harm, make)()
    before = batch.snapshot()
    with pytest.raises(DataError, match="cannot restore the market"):
        batch.restore(harmed)
    assert batch.snapshot() == before


def test_the_three_modes_show_the_same() -> None:
    """Windows gathered by index equal the windows shown, whose last rows equal the flat ones."""
    window = 6
    shown = make(mode="window", window=window)
    index = make(mode="index", window=window)
    flat = make(bars=panel())
    table = features(panel())
    for k in range(50):
        row = actions(k)
        a, b = shown.step(row).observations, index.step(row).observations
        np.testing.assert_array_equal(a[:, :13], b[:, :13])
        at = (b[:, 13] * 4096 + b[:, 14]).astype(int)
        gathered = np.stack([table[t - window + 1 : t + 1].ravel() for t in at])
        np.testing.assert_array_equal(a[:, 13:], gathered)
        c = flat.step(row).observations
        np.testing.assert_array_equal(c[:, 13:], table[flat.state["bar"]].reshape(N, -1))


def test_an_end_keeps_its_observation_and_begins_anew() -> None:
    """In the step of the end the reward is the old episode's, the observation the next one's."""
    batch = make(episode_length=7)
    total = np.zeros(N)
    for k in range(7):
        before = batch.state["bar"].copy()
        output = batch.step(actions(k))
        total += output.rewards
        assert output.done.all() == (k == 6)
    assert output.truncated.all()
    assert not output.terminated.any()
    table = features(panel())
    last = table[before + 1].reshape(N, -1)
    np.testing.assert_array_equal(batch.finished.observations[:, 13:], last)
    np.testing.assert_array_equal(output.observations[:, 0], np.ones(N, dtype=np.float32))
    np.testing.assert_array_equal(output.observations[:, 1:13], np.zeros((N, 12)))
    np.testing.assert_allclose(batch.finished.returns, total, atol=1e-5)
    assert set(batch.finished.lengths.tolist()) == {7}
    assert set(batch.state["length"].tolist()) == {0}


def test_ruin_terminates_and_costs() -> None:
    """A leveraged account that falls under the ruin level ends there, closed and punished."""
    batch = make(MARGIN, episode_length=0)
    row = np.ones((N, 4), dtype=np.float32)
    ended = np.zeros(N, dtype=bool)
    for _ in range(200):
        output = batch.step(row)
        fresh = output.terminated & ~ended
        assert (batch.finished.equity[fresh] <= 9 * 10**11).all()
        assert not (output.terminated & output.truncated).any()
        ended |= output.terminated
    assert ended.any()


def test_outputs_alternate_between_two_sides() -> None:
    """What a step wrote is untouched by the next one, and overwritten by the one after."""
    batch = make()
    first = batch.step(actions(0)).observations
    kept = first.copy()
    second = batch.step(actions(1)).observations
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, second)
    assert np.shares_memory(first, batch.step(actions(2)).observations)


def test_gaps_are_refused_segmented_or_held() -> None:
    """A gap is named; segmenting starts and stays inside blocks; holding plays through."""
    bars = gapped(slice(300, 310))
    with pytest.raises(DataError, match=r"lacks 10 bars of 1h from .* 10 of 600 bars"):
        make(bars=bars)
    spans = starting_spans(bars, ~bars.missing, 4, "segment")
    assert spans.tolist() == [[3, 299, 299], [313, 599, 599]]
    assert starting_spans(bars, ~bars.missing, 4, "hold").tolist() == [[3, 599, 599]]
    batch = make(bars=bars, gaps="segment", episode_length=0)
    for k in range(320):
        batch.step(actions(k))
        at = batch.state["bar"]
        assert not bars.missing[at].any()


def test_features_must_be_known_at_a_start() -> None:
    """Warm-up and window both delay the first start; without any start the panel is refused."""
    valid = np.ones((600, 4), dtype=bool)
    valid[:50, 2] = False
    assert starting_spans(panel(), valid, 10, "refuse").tolist() == [[59, 599, 599]]
    with pytest.raises(DataError, match="no bar is left"):
        starting_spans(panel(), valid, 590, "refuse")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((N, 4)), "float32"),
        (np.zeros((N, 3), dtype=np.float32), "shape"),
        (np.zeros((4, N), dtype=np.float32).T, "C-contiguous"),
    ],
)
def test_wrong_actions_are_refused(wrong: NDArray[np.float32], words: str) -> None:
    """Nothing is converted or broadcast silently."""
    with pytest.raises(InvalidValue, match=words):
        make().step(wrong)


@pytest.mark.parametrize(
    "shape", [{"environments": 0}, {"window": 3}, {"mode": "other"}, {"episode_length": -1}]
)
def test_wrong_shapes_are_refused(shape: dict[str, Any]) -> None:
    """A batch that cannot be is named, not built."""
    with pytest.raises(InvalidValue):
        make(**shape)


def test_wrong_features_are_refused() -> None:
    """Features of other bars or of another type do not enter."""
    with pytest.raises(InvalidValue, match="shape"):
        market_data(panel(), features(panel())[:-1])
    with pytest.raises(InvalidValue, match="float32"):
        market_data(panel(), features(panel()).astype(np.float64))


def test_accounts_cannot_be_written() -> None:
    """The accounts are shown, not handed out."""
    with pytest.raises(ValueError, match="read-only"):
        make().state["cash"][0] = 1
