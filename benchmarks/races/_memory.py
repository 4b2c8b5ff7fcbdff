"""Peak memory of environments over a table, beside the sizes of the table and of the buffers.

``python -m benchmarks.races._memory BARS ASSETS ENVIRONMENTS`` measures itself, since a peak can be
read only of a whole process; :func:`measured` runs it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._market import FEATURES, Stepper, batch, features, walk
from ._worker import ROOT

_CELL = 16 + 16 + 8 + 4 * FEATURES
"""Bytes of one bar of one asset: open and close, high and low, volume, and its features."""


@dataclass(frozen=True)
class Memory:
    """Bytes.

    Attributes:
        table: Of the bars and features as the environments read them.
        buffers: Observations, rewards, ends and the accounts of all environments.
        grew: What the peak of the process grew by, from the arrays that were handed in on.
        peak: Of the whole process, libraries and arrays included.
    """

    table: int
    buffers: int
    grew: int
    peak: int

    @property
    def ratio(self) -> float:
        """What it took to what it must hold."""
        return self.grew / (self.table + self.buffers)


def measured(bars: int, assets: int, environments: int) -> Memory:
    """Measure in a process of its own."""
    numbers = (str(bars), str(assets), str(environments))
    command = [sys.executable, "-m", "benchmarks.races._memory", *numbers]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Memory(**json.loads(done.stdout))


def available() -> int:
    """Return the bytes that this machine can still give, or 0 where it does not say."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return 0
    lines = info.read_text(encoding="utf-8").splitlines()
    return next((1024 * int(one.split()[1]) for one in lines if "MemAvailable" in one), 0)


def _own(bars: int, assets: int, environments: int) -> Memory:
    small = batch(1_000, assets, 64, 1)  # what every batch needs is loaded by now
    Stepper(small)()
    walk(bars, assets), features(bars, assets)
    before = _resident()
    _forget_peak()
    market = batch(bars, assets, environments, 2)
    step = Stepper(market)
    for _ in range(20):
        step()
    peak = _peak()
    arrays: list[Any] = [*market.finished, *market.state.values()]
    arrays += [one for output in market._sides for one in output]  # noqa: SLF001  both are counted
    held = sum(one.nbytes for one in arrays)
    return Memory(bars * assets * _CELL, held, peak - before, peak)


def growth(call: Callable[[], object]) -> int:
    """Return the bytes by which a call lifts this process's memory at its peak."""
    before = _resident()
    _forget_peak()
    call()
    return _peak() - before


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * resource.getpagesize()


def _forget_peak() -> None:
    """Let the peak begin anew at what is resident now: making the arrays took more."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def _peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(one.split()[1]) for one in lines if one.startswith("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(vars(_own(*(int(one) for one in sys.argv[1:])))))
