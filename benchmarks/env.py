"""The native market: steps a second from Python, beside memory copies of its observations."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.market_batch import BatchSettings, MarketBatch, ObservationMode
from mettle.application.market import MarketPanel
from mettle.domain.simulation.settings import SimulationSettings
from numpy.typing import NDArray

ENVIRONMENTS = 4096
FEATURES = 14
EPISODE = 512
_WARM_UP_S = 0.2


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    bars: int
    assets: int
    mode: ObservationMode = "flat"
    window: int = 1
    threads: int = 1


CASES = (
    Case("4 × 14, flat, 50k bars, 1 thread", 50_000, 4),
    Case("4 × 14, flat, 50k bars, 2 threads", 50_000, 4, threads=2),
    Case("4 × 14, flat, 500k bars, 1 thread", 500_000, 4),
    Case("4 × 14, flat, 500k bars, 2 threads", 500_000, 4, threads=2),
    Case("64 × 14, window, 50k bars, 2 threads", 50_000, 1, "window", 64, 2),
    Case("64 × 14, index, 50k bars, 2 threads", 50_000, 1, "index", 64, 2),
)


def run(full: bool) -> list[dict[str, Any]]:
    """Measure steps a second and observation bytes a second.

    Every environment trades every asset in every step: random target weights, taker, fees.

    Args:
        full: Longer measurements, and the cases of 500,000 bars.
    """
    repeats, seconds = (7, 1.0) if full else (5, 0.3)
    rows: list[dict[str, Any]] = []
    panels: dict[tuple[int, int], MarketPanel] = {}
    for case in CASES:
        if case.bars > 100_000 and not full:
            continue
        key = case.bars, case.assets
        panel = panels.setdefault(key, synthetic_panel(1, case.assets, case.bars))
        batch = _batch(case, panel)
        speeds = [ENVIRONMENTS * one for one in _rates(_stepper(batch), repeats, seconds)]
        rows.append(_row(case.name, [one / 1e6 for one in speeds], "M steps/s"))
        if case.mode == "window":
            size = 4 * batch.observation_size
            written = [one * size / 1e9 for one in speeds]
            copied = _memcpy(batch.output.observations, case.threads, repeats, seconds)
            rows.append(_row(f"{case.name}: observations", written, "GB/s", peer=copied))
            rows.append(_row(f"memcpy of as much, {case.threads} threads", copied, "GB/s"))
    return rows


def _batch(case: Case, panel: MarketPanel) -> MarketBatch:
    shape = (*panel.close.shape, FEATURES)
    features = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    return MarketBatch(
        panel,
        features,
        np.ones(panel.close.shape, dtype=np.bool_),
        SimulationSettings(),
        BatchSettings(
            ENVIRONMENTS,
            episode_length=EPISODE,
            window=case.window,
            mode=case.mode,
            threads=case.threads,
        ),
    )


def _stepper(batch: MarketBatch) -> Callable[[], object]:
    """Return a call that steps with one of sixteen prepared sets of actions in turn."""
    rng = np.random.default_rng(1)
    shape = (16, ENVIRONMENTS, batch.assets)
    actions = list(rng.uniform(-1, 1, shape).astype(np.float32))
    batch.reset(0)
    turn = 0

    def step() -> object:
        nonlocal turn
        turn = (turn + 1) % len(actions)
        return batch.step(actions[turn])

    return step


def _memcpy(like: NDArray[np.float32], threads: int, repeats: int, seconds: float) -> list[float]:
    """Return the GB/s at which arrays of that size are copied by as many threads."""
    source, target = np.ones_like(like), np.empty_like(like)
    parts = np.array_split(np.arange(len(like)), threads)
    spans = [(int(part[0]), int(part[-1]) + 1) for part in parts]
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> object:
            jobs = [pool.submit(np.copyto, target[a:b], source[a:b]) for a, b in spans]
            return [job.result() for job in jobs]

        return [one * like.nbytes / 1e9 for one in _rates(copy, repeats, seconds)]


def _rates(call: Callable[[], object], repeats: int, seconds: float) -> list[float]:
    """Return calls a second, measured ``repeats`` times for about ``seconds`` each."""
    _count(call, _WARM_UP_S)
    return [_count(call, seconds) for _ in range(repeats)]


def _count(call: Callable[[], object], seconds: float) -> float:
    done, begun = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        call()
        done += 1
    return done / elapsed


def _row(
    name: str, values: list[float], unit: str, peer: list[float] | None = None
) -> dict[str, Any]:
    """Return one row: the median, and the interquartile range over it as spread."""
    value = statistics.median(values)
    quarters = statistics.quantiles(values, n=4)
    row = {
        "name": name,
        "value": value,
        "unit": unit,
        "spread": (quarters[2] - quarters[0]) / value,
        "best": max(values),
        "load": round(os.getloadavg()[0], 1),
    }
    if peer is not None:
        row |= {"peer": statistics.median(peer), "ratio": value / statistics.median(peer)}
    return row
