"""`mettle study` with real workers: a coordinator that is killed leaves nothing undone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mettle import open as mettle_open
from mettle.application.campaign.records import AttemptStatus
from tests.support.campaigns import workspace_with_bars

_PATIENCE_S = 300.0


def mettle(home: Path, *words: str) -> list[str]:
    """Return a command line."""
    return [sys.executable, "-m", "mettle.entrypoints.cli.main", "-C", str(home), *words]


def asked(home: Path, *words: str) -> Any:  # noqa: ANN401  JSON
    """Return the data of a verb."""
    command = mettle(home, "--json", *words)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)["data"]


def completed(home: Path) -> int:
    """Return how many trials of the one study are completed."""
    with mettle_open(home) as workspace:
        return sum(one.counts[AttemptStatus.COMPLETED] for one in workspace.studies.list())


def test_a_killed_campaign_is_resumed_with_nothing_lost_or_doubled(tmp_path: Path) -> None:
    """The coordinator dies by SIGKILL, its worker follows, and `study resume` does the rest."""
    home = tmp_path / "home"
    workspace_with_bars(home, 800).close()
    words = ["study", "run", "s", "--strategy", "ema-cross", "--symbols", "SYN1/USDT"]
    words += ["--trials", "40", "--workers", "1", "--folds", "2"]
    process = subprocess.Popen(mettle(home, *words), stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    while completed(home) < 2 and time.monotonic() - begun < _PATIENCE_S:
        assert process.poll() is None, "it was over before it could be killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    words = ["study", "resume", "s", "--workers", "2"]
    subprocess.run(mettle(home, "--set", "campaign.lease=2", *words), check=True)
    shown = asked(home, "study", "show", "s")
    rows = shown["rows"]
    assert [one["trial"] for one in rows] == list(range(40))
    assert {one["status"] for one in rows} <= {"completed", "pruned"}
    assert shown["verdict"]["started"] == 40


def test_a_verb_says_what_is_missing(tmp_path: Path) -> None:
    """No studies, and a name that is none: exit 0 and 3."""
    home = tmp_path / "home"
    workspace_with_bars(home, 300).close()
    assert asked(home, "study", "list") == []
    done = subprocess.run(
        mettle(home, "study", "show", "z"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "no study 'z'" in done.stderr
