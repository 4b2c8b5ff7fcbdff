"""Stepping environments: 4 assets × 14 features, and windows of 64 × 14."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._gpu import stepped_on_a_gpu
from ._market import Stepper, batch, features, floats, handed_out, walk
from ._race import Pace, race, rate
from ._rows import Goal, Row, Shown, by_name, figure, quickest
from ._worker import Reading, Worker

ENVIRONMENTS = 4096
SHORT, LONG = 50_000, 500_000
THREADS = 2
_STEPS = Shown("M steps/s", 1e6)
_ENVPOOLS = ("EnvPool CartPole, 1 thread", "EnvPool CartPole, 2 threads")
_PEERS = {
    "gym-trading-env": Goal(150),
    "gym-anytrading": None,
    "FinRL-style": Goal(300),
}


def run(pace: Pace) -> list[Row]:
    """Race both kinds of observations, and measure the GPU where there is one."""
    panel = walk(SHORT, 4)
    arrays: dict[str, NDArray[Any]] = {**floats(panel), "features": features(SHORT, 4)}
    with handed_out(**arrays) as data, Worker("environment", data) as peers:
        return _flat(pace, peers) + _window(pace, peers) + stepped_on_a_gpu(pace)


def _flat(pace: Pace, peers: Worker) -> list[Row]:
    sides: dict[str, Callable[[], Reading]] = {}
    for bars in (SHORT, LONG):
        for threads in (1, THREADS):
            step = Stepper(batch(bars, 4, ENVIRONMENTS, threads))
            sides[_named(bars, threads)] = rate(step, pace.seconds, ENVIRONMENTS)
    sides |= {name: peers.rate(name, pace.seconds) for name in (*_ENVPOOLS, *_PEERS)}
    rates, absences = race(sides, pace.rounds)
    envpool = quickest(rates, _ENVPOOLS)
    beside = by_name(rates, absences)
    most = _named(SHORT, THREADS)
    return [
        figure(_named(SHORT, 1), rates[_named(SHORT, 1)], _STEPS),
        figure(most, rates[most], _STEPS, Goal(25, "least")),
        figure(_named(LONG, 1), rates[_named(LONG, 1)], _STEPS),
        figure(_named(LONG, THREADS), rates[_named(LONG, THREADS)], _STEPS, Goal(15, "least")),
        beside("2 threads, 50k bars", most, _named(SHORT, 1), _STEPS, Goal(1.7)),
        beside("2 threads, 500k bars", _named(LONG, THREADS), _named(LONG, 1), _STEPS, Goal(1.7)),
        beside(most, most, envpool, _STEPS, Goal(15)),
        *(beside(most, most, peer, _STEPS, goal) for peer, goal in _PEERS.items()),
    ]


def _named(bars: int, threads: int) -> str:
    return f"4 × 14, {bars // 1000}k bars, {threads} thread{'s' if threads > 1 else ''}"


def _window(pace: Pace, peers: Worker) -> list[Row]:
    window = batch(SHORT, 1, ENVIRONMENTS, THREADS, "window", 64)
    index = batch(SHORT, 1, ENVIRONMENTS, THREADS, "index", 64)
    gym = "gym-trading-env, window 64"
    seconds = pace.seconds
    with ThreadPoolExecutor(THREADS) as pool:
        sides = {
            "window": rate(Stepper(window), seconds, ENVIRONMENTS),
            "memcpy": rate(_copy(pool, window.output.observations), seconds, ENVIRONMENTS),
            "index": rate(Stepper(index), seconds, ENVIRONMENTS),
            gym: peers.rate(gym, seconds),
        }
        rates, absences = race(sides, pace.rounds)
    size = 4 * window.observation_size
    beside = by_name(rates, absences)
    bytes_a_second = Shown("GB/s", 1e9 / size)
    return [
        beside("64 × 14, window: observations", "window", "memcpy", bytes_a_second, Goal(0.7)),
        beside("64 × 14, index", "index", "window", _STEPS, Goal(5)),
        beside("64 × 14, window", "window", gym, _STEPS),
    ]


def _copy(pool: ThreadPoolExecutor, like: NDArray[np.float32]) -> Callable[[], object]:
    """Return a call that copies an array of that size with all threads."""
    source, target = np.ones_like(like), np.empty_like(like)
    edges = np.linspace(0, len(like), THREADS + 1).astype(int).tolist()
    spans = list(itertools.pairwise(edges))

    def copy() -> object:
        jobs = [pool.submit(np.copyto, target[a:b], source[a:b]) for a, b in spans]
        return [job.result() for job in jobs]

    return copy
