"""The market on a GPU against the market on the processor: money to the unit, all else to 1e-6."""

from __future__ import annotations

import functools
import random
import sys
from typing import Any

import mettle
import numpy as np
import pytest
import torch
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.cuda_batch import CudaMarketBatch, cuda_module
from mettle.adapters.simulation.market_batch import BatchSettings, MarketBatch, ObservationMode
from mettle.application.market import MarketPanel
from mettle.domain.errors import DataError, InvalidValue, NotFound
from mettle.domain.simulation.settings import SimulationSettings
from numpy.typing import NDArray
from tests.support.markets import random_settings

N, F, STEPS = 200, 5, 80
STATE = ["cash", "equity", "bar", "episode", "length", "lots", "basis", "high_water", "bars_held"]


def _why_not() -> str:
    try:
        cuda_module()
    except NotFound as error:
        return str(error)
    return ""


ABSENT = _why_not()
needs_gpu = pytest.mark.skipif(bool(ABSENT), reason=ABSENT)


@functools.cache
def panel(assets: int, *, gapped: bool = False) -> MarketPanel:
    """Return synthetic perpetuals with funding, and with a bar in thirty missing where asked."""
    source = synthetic_panel(3, assets, 600, perpetual=True)
    arrays: dict[str, NDArray[Any]] = {
        name: np.array(getattr(source, name))
        for name in ("open", "high", "low", "close", "volume", "state", "funding_open")
    }
    rng = np.random.default_rng(4)
    due = arrays["funding_open"][::8]
    due[:] = rng.integers(-50_000, 50_000, due.shape)
    if gapped:
        for row, column in np.argwhere(rng.random((600, assets)) < 1 / 30):
            if row:
                for name in ("open", "high", "low", "close"):
                    arrays[name][row, column] = arrays["close"][row - 1, column]
                arrays["volume"][row, column] = arrays["state"][row, column] = 0
    return MarketPanel(
        source.timeframe, source.instruments, source.open_time, arrays["open"], arrays["high"],
        arrays["low"], arrays["close"], arrays["volume"], arrays["state"], arrays["funding_open"],
        source.funding_inside, synthetic=True,
    )  # fmt: skip


def both(
    settings: SimulationSettings, bars: MarketPanel, **shape: object
) -> tuple[MarketBatch, CudaMarketBatch]:
    """Return a batch on the processor and the same one on the GPU."""
    chosen: dict[str, Any] = {"environments": N, "episode_length": 30, "threads": 1, **shape}
    rng = np.random.default_rng(0)
    features = rng.standard_normal((*bars.close.shape, F), dtype=np.float32)
    known = np.ones(bars.close.shape, dtype=np.bool_)
    batch = BatchSettings(**chosen, gaps="hold")
    return (
        MarketBatch(bars, features, known, settings, batch),
        CudaMarketBatch(bars, features, known, settings, batch),
    )


def actions(step: int, assets: int) -> NDArray[np.float32]:
    """Return random actions of one step, of which some hold."""
    rng = np.random.default_rng([step, 7])
    drawn = rng.uniform(-1.1, 1.1, (N, assets)).astype(np.float32)
    drawn[rng.random(drawn.shape) < 0.05] = np.nan
    return drawn


def require_equal(plain: MarketBatch, gpu: CudaMarketBatch) -> None:
    """Money and state are the same, rewards but for the GPU's own logarithm."""
    gpu.check()
    for name in STATE:
        np.testing.assert_array_equal(gpu.state[name].cpu().numpy(), plain.state[name], name)
    for found, wanted in ((gpu.output, plain.output), (gpu.finished, plain.finished)):
        for name, tensor in found._asdict().items():
            expected = getattr(wanted, name)
            if name in ("rewards", "returns"):
                np.testing.assert_allclose(tensor.cpu(), expected, rtol=1e-6, atol=1e-9)
            else:
                np.testing.assert_array_equal(tensor.cpu().numpy(), expected, name)


@needs_gpu
@pytest.mark.parametrize("assets", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("seed", range(8))
def test_a_gpu_plays_what_the_processor_plays(assets: int, seed: int) -> None:
    """Random settings, actions and gaps: every account of every step."""
    rng = random.Random(seed * 100 + assets)  # noqa: S311 - a replayable test, not a secret
    settings = random_settings(rng, initial_cash=10**12)
    mode: ObservationMode = rng.choice(["flat", "window", "index"])
    window = 1 if mode == "flat" else rng.choice([1, 7, 40])
    plain, gpu = both(
        settings, panel(assets, gapped=seed % 2 == 1), mode=mode, window=window, seed=seed
    )
    require_equal(plain, gpu)
    for step in range(STEPS):
        row = actions(step, assets)
        plain.step(row)
        gpu.step(torch.from_numpy(row).cuda())
        require_equal(plain, gpu)
        if step == STEPS // 2:
            plain.reset()
            gpu.reset()
            require_equal(plain, gpu)


@needs_gpu
def test_a_graph_of_the_step_plays_the_same() -> None:
    """The step is captured once and replayed, with another seed, too."""
    plain, gpu = both(SimulationSettings(), panel(4))
    given = torch.zeros((N, 4), device=gpu.device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        gpu.step(given)
    plain.reset(9)
    gpu.reset(9)
    for step in range(STEPS):
        row = actions(step, 4)
        given.copy_(torch.from_numpy(row))
        graph.replay()
        plain.step(row)
        require_equal(plain, gpu)


@needs_gpu
def test_a_snapshot_goes_from_one_to_the_other() -> None:
    """Either continues from the other's bytes, and refuses those that are not its own."""
    plain, gpu = both(SimulationSettings(), panel(4))
    for step in range(20):
        plain.step(actions(step, 4))
    gpu.restore(plain.snapshot())
    for step in range(20, 50):
        plain.step(actions(step, 4))
        gpu.step(torch.from_numpy(actions(step, 4)).cuda())
    require_equal(plain, gpu)
    other, _ = both(SimulationSettings(), panel(4))
    np.testing.assert_array_equal(
        other.restore(gpu.snapshot()).observations, gpu.output.observations.cpu()
    )
    with pytest.raises(DataError, match="too short"):
        gpu.restore(b"")


@needs_gpu
def test_wrong_actions_are_refused() -> None:
    """Nothing is converted, moved or broadcast silently."""
    _, gpu = both(SimulationSettings(), panel(4))
    for wrong, words in (
        (torch.zeros((N, 4)), "must lie on"),
        (torch.zeros((N, 4), dtype=torch.float64, device=gpu.device), "type <f4"),
        (torch.zeros((N, 3), device=gpu.device), "shape"),
        (torch.zeros((4, N), device=gpu.device).T, "C-contiguous"),
    ):
        with pytest.raises(InvalidValue, match=words):
            gpu.step(wrong)


@needs_gpu
def test_tensors_outlive_the_batch() -> None:
    """A tensor holds the memory that it shows."""
    plain, gpu = both(SimulationSettings(), panel(4))
    kept = gpu.output.observations
    del gpu
    np.testing.assert_array_equal(kept.cpu(), plain.output.observations)


def test_without_the_module_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most installations have no CUDA module."""
    monkeypatch.setitem(sys.modules, "mettle._cuda", None)
    monkeypatch.delattr(mettle, "_cuda", raising=False)
    with pytest.raises(NotFound, match="not built") as told:
        cuda_module()
    assert told.value.mend == "make cuda"


@pytest.mark.skipif(not ABSENT or "not built" in ABSENT, reason="there is a GPU, or no module")
def test_without_a_gpu_it_says_so() -> None:
    """The module loads on a machine without a driver, and a batch on it is refused."""
    with pytest.raises(NotFound, match="no GPU"):
        both(SimulationSettings(), panel(1))
