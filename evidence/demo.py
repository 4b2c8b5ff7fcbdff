"""`mettle demo` ends well within a minute, offline, and the commands that it proposes work."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import Outcome

LIMIT_S = 60.0


def run(full: bool) -> Outcome:
    """Run the demo in an empty folder, then its three commands; the whole form runs it twice."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        seconds = [_demo(place) for _ in range(2 if full else 1)]
        slowest, documents = max(one for one, _ in seconds), [one for _, one in seconds]
        found = documents[-1]
        failed = [line for line in found["next"] if _call(shlex.split(line)[1:], place).returncode]
        sheet = Path(found["tear_sheet"]).stat().st_size
    agree = found["steps"]["paper"]["equals_backtest"]
    cores = len(os.sched_getaffinity(0))
    print(f"steps: { {name: round(one['seconds'], 1) for name, one in found['steps'].items()} }")
    print(
        f"tear sheet: {sheet:,} bytes; paper equals backtest: {agree}; failed: {failed or 'none'}"
    )
    return Outcome(
        f"{slowest:.1f} s on {cores} cores, three next commands work",
        f"at most {LIMIT_S:.0f} s on 2 cores",
        slowest <= LIMIT_S and not failed and agree and found["synthetic"] and sheet > 100_000,
    )


def _demo(place: Path) -> tuple[float, dict[str, Any]]:
    begun = time.perf_counter()
    done = _call(["demo", "--json", "--quiet"], place)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"mettle demo ended with {done.returncode}: {done.stderr}")
    return seconds, json.loads(done.stdout)["data"]


def _call(arguments: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    # A proxy that leads nowhere: whatever asked the network would fail.
    environment = {
        **os.environ,
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "mettle.entrypoints.cli.main", *arguments]
    return subprocess.run(
        command, cwd=place, capture_output=True, text=True, check=False, env=environment
    )
