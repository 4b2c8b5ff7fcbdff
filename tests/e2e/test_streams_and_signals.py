"""What happens around a command: closed and full streams, requests to end, a full disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.workspaces import call

METTLE = f"{sys.executable} -m mettle.entrypoints.cli.main"


def bash(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash."""
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)


def test_a_reader_that_leaves_does_not_fail_a_script(small_workspace: Path) -> None:
    """Under pipefail a closed pipe counts as success: exit 1 would mean that the answer is no."""
    done = bash(f"set -o pipefail; {METTLE} -C {small_workspace} config show | head -1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "key\tvalue\n", "")


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_defect(home: Path, closed: str) -> None:
    """A command whose caller closed a stream does its work; notes never end up on stdout."""
    done = bash(f"{METTLE} -C {home} paper run --strategy ema-cross --last 3d --json {closed}")
    assert done.returncode == 0, done.stderr
    if closed == "2>&-":
        assert json.loads(done.stdout)["schema"] == "mettle.paper.run/1"
    status = bash(f"{METTLE} -C {home} paper status")
    assert status.returncode == 0, status.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    ("line", "code"),
    [("data list >/dev/full", 1), ("data lst 2>/dev/full", 2), ("models show x 2>/dev/full", 3)],
)
def test_full_streams_keep_the_exit_code(small_workspace: Path, line: str, code: int) -> None:
    """A full stdout is a full disk; a full stderr hides the message, not the code."""
    done = bash(f"{METTLE} -C {small_workspace} {line}")
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_closed_terminal_stops_a_paper_run_between_bars(home: Path) -> None:
    """It ends as Ctrl-C does, and the run is not left behind as running."""
    command = [*METTLE.split(), "-C", str(home)]
    # Long enough that it cannot have come to its own end, however late the signal is sent.
    assert bash(f"{METTLE} -C {home} data synth --bars 60000 --replace").returncode == 0
    work = ["paper", "run", "--strategy", "ema-cross", "--run-id", "cut"]
    child = subprocess.Popen(
        [*command, *work],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Under nohup a child would inherit that its terminal may close.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509  one thread
    )
    assert child.stderr is not None
    begun = any("PAPER" in line for line in child.stderr)  # ends with the child
    assert begun, "the run never began"
    time.sleep(0.2)
    child.send_signal(signal.SIGHUP)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    status = json.loads(bash(f"{METTLE} -C {home} paper status cut --json").stdout)
    assert status["data"]["status"] != "running"


def test_a_request_to_end_is_answered(small_workspace: Path, tmp_path: Path) -> None:
    """On `kill` any verb ends with 130 and one line, as it does on Ctrl-C."""
    child = subprocess.Popen(
        [*METTLE.split(), "-C", str(small_workspace), "data", "synth", "--bars", "5_000_000"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "METTLE__WORKSPACE__DATA": str(tmp_path)},
    )
    time.sleep(1.5)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert err.startswith("error: interrupted · ")
    assert len(err.splitlines()) == 1


def test_training_on_a_full_disk_prints_no_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The room is looked at before TensorBoard's own thread opens a file."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=0))
    found = call(capsys, home, "train", "-s", "m", "--frames", "1000")
    assert found.code == 1, found.err
    assert "0 MiB free" in found.err
    assert not list((home / "runs").rglob("events.*"))
