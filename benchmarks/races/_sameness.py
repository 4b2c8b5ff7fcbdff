"""Whether results are the same on any number of threads: hashes of everything that comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.native_learner import NativeLearner
from mettle.adapters.simulation.market_batch import ObservationMode
from mettle.application.ports.trainer import PpoSettings
from mettle.domain.signals.catalogue import default_feature_set

from ._market import batch, walk

THREADS = (1, 2, 3, 7)
_ENVIRONMENTS = 1_000
_BARS = 5_000


def differing(steps: int) -> dict[str, int]:
    """Hash the same work on 1, 2, 3 and 7 threads.

    Args:
        steps: Of each of 1,000 environments, in each way of observing.

    Returns:
        By kind of result, how many different hashes there were beyond one.
    """
    works: dict[str, Callable[[int], str]] = {
        "environment, flat": lambda threads: _played(threads, "flat", 1, steps),
        "environment, window": lambda threads: _played(threads, "window", 16, steps),
        "environment, index": lambda threads: _played(threads, "index", 16, steps),
        "features": _features,
        "weights of the native learner": _learnt,
    }
    return {name: len({work(threads) for threads in THREADS}) - 1 for name, work in works.items()}


def _played(threads: int, mode: ObservationMode, window: int, steps: int) -> str:
    market = batch(_BARS, 3, _ENVIRONMENTS, threads, mode, window)
    rng = np.random.default_rng(2)
    seen = hashlib.sha256()
    market.reset(3)
    for _ in range(steps):
        output = market.step(rng.uniform(-1, 1, (_ENVIRONMENTS, 3)).astype(np.float32))
        for array in output:
            seen.update(array.tobytes())
    for array in (*market.state.values(), *market.finished):
        seen.update(array.tobytes())
    return seen.hexdigest()


def _features(threads: int) -> str:
    table = NativeFeatures(threads).table(walk(_BARS, 3), default_feature_set())
    return hashlib.sha256(table.values.tobytes()).hexdigest()


def _learnt(threads: int) -> str:
    settings = PpoSettings(environments=128, rollout=16, batch_size=512, epochs=2)
    market = batch(_BARS, 3, 128, threads)
    learner = NativeLearner(market, settings, 1, threads)
    market.reset(3)
    for _ in range(3):
        learner.learn()
    seen = hashlib.sha256()
    for _, array in sorted(learner.weights().items()):
        seen.update(array.tobytes())
    return seen.hexdigest()
