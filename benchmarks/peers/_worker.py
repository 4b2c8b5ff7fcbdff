"""The peers' end of a race: a name a line comes in, a measurement a line goes out, as JSON.

Peers print what they like: standard output belongs to the race, so theirs goes to standard error.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reading = dict[str, Any]
Measure = Callable[[float], Reading]
"""Seconds that it may take in; out comes work a second of ``rate`` the clock and of ``cpu``."""


def data() -> dict[str, NDArray[Any]]:
    """Return the arrays that the race has written for everyone."""
    with np.load(Path(sys.argv[1])) as arrays:
        return {name: arrays[name] for name in arrays.files}


def serve(cases: Mapping[str, Callable[[], Measure]], packages: tuple[str, ...]) -> None:
    """Answer until the input ends; a case is set up when it is first asked for.

    Args:
        cases: Name to what sets it up, warm.
        packages: Whose versions are told first.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    ready: dict[str, Measure] = {}
    print(json.dumps({"versions": _versions(packages)}), file=answers)
    for line in sys.stdin:
        name, seconds = json.loads(line)
        try:
            if name not in ready:
                ready[name] = cases[name]()
            answer = ready[name](seconds)
        except Exception as error:  # noqa: BLE001  whatever a peer fails with is its reason
            answer = {"absent": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        answer["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), file=answers)


def calls(call: Callable[[], object], work: float = 1.0) -> Measure:
    """Return a measurement of as many calls as fit, at least one, after one to warm up.

    Args:
        work: What one call does, in the race's unit.
    """
    call()

    def measure(seconds: float) -> Reading:
        done, processor, begun = 0, time.process_time(), time.perf_counter()
        while True:
            call()
            done += 1
            elapsed = time.perf_counter() - begun
            if elapsed >= seconds:
                spent = max(time.process_time() - processor, 1e-9)
                return {"rate": done * work / elapsed, "cpu": done * work / spent}

    return measure


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
