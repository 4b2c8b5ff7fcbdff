"""S2: one seed, one course, whatever the process and its hash seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .parts import Part, Scale
from .traces import trial

_ROOT = Path(__file__).parents[3]
_HASH_SEEDS = (1, 20_011)


@dataclass(frozen=True)
class _Size:
    seeds: int
    events: int


_SIZES = {
    Scale.SHORT: _Size(24, 600),
    Scale.CI: _Size(100, 1_500),
    Scale.NIGHTLY: _Size(100, 12_000),
    Scale.RELEASE: _Size(100, 12_000),
}
_BATCH = 5


def measure(scale: Scale, processes: int) -> Part:
    """Play each world twice, in processes of their own with different hash seeds."""
    began, size = time.perf_counter(), _SIZES[scale]
    jobs = [(first, seed) for first in range(0, size.seeds, _BATCH) for seed in _HASH_SEEDS]
    with ThreadPoolExecutor(processes) as pool:
        found = list(pool.map(lambda job: _traces(job[0], job[1], size), jobs))
    runs: dict[int, dict[str, str]] = {seed: {} for seed in _HASH_SEEDS}
    events = 0
    for (_, hash_seed), answer in zip(jobs, found, strict=True):
        runs[hash_seed].update(answer["traces"])
        events += answer["events"]
    one, other = (runs[seed] for seed in _HASH_SEEDS)
    differing = sorted(int(seed) for seed in one if one[seed] != other.get(seed))
    holds = not differing and len(one) == len(other) == size.seeds
    return Part(
        "determinism",
        {
            "seeds": len(one),
            "differing": differing,
            "distinct_traces": len(set(one.values())),
            "events": events,
            "hash_seeds": list(_HASH_SEEDS),
            "wall_seconds": round(time.perf_counter() - began, 1),
        },
        f"{size.seeds} seeds twice, other hash seeds and processes: identical traces",
        holds,
        f"{len(one) - len(differing)} of {len(one)} seeds have the same trace twice, "
        f"{len(set(one.values()))} different traces in all, {events:,} events",
        [],
        [f"PYTHONHASHSEED=1 {trial(seed, size.events).command}" for seed in differing[:3]],
    )


def _traces(first: int, hash_seed: int, size: _Size) -> dict[str, Any]:
    count = min(_BATCH, size.seeds - first)
    command = [
        sys.executable, "-m", "tests.support.dst.traces", str(first), str(count), str(size.events)
    ]  # fmt: skip
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        cwd=_ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
