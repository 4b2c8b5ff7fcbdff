"""`mettle paper run` and `mettle paper status`, as a user meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mettle
import pytest
from mettle.entrypoints.cli.main import main

RULE = ("--strategy", "ema-cross:fast=3,slow=9", "--symbols", "SYN1/USDT,SYN2/USDT")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a synthetic market."""
    folder = tmp_path_factory.mktemp("paper") / "ws"
    assert main(["init", str(folder), "--quiet"]) == 0
    assert main(["-C", str(folder), "data", "synth", "--assets", "2", "--bars", "3000", "-q"]) == 0
    return folder


def call(home: Path, *arguments: str) -> int:
    """Run one command line in this process."""
    return main(["-C", str(home), "paper", *arguments])


def test_run_then_status(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run ends with its standing and reasons; status finds it again; all of it says SYNTHETIC."""
    capsys.readouterr()
    code = call(home, "run", *RULE, "--last", "4d", "--run-id", "first", "--capital", "5000")
    shown = capsys.readouterr()
    assert code == 0
    for word in ("PAPER", "SYNTHETIC", "first", "finished", "SYN1/USDT"):
        assert word in shown.out
    assert "SYNTHETIC" in shown.err
    assert call(home, "status", "--json", "--decisions", "3") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "mettle.paper.status/1"
    data = told["data"]
    assert (data["run_id"], data["status"], data["mode"]) == ("first", "finished", "PAPER")
    assert (data["decisions"], data["synthetic"]) == (96, True)
    assert float(data["equity"]) == pytest.approx(5000 * (1 + data["change"]))
    assert len(data["latest"]) == 3
    assert set(data["latest"][0]["assets"][0]) >= {"symbol", "action", "wanted", "verdict"}


def test_ctrl_c_ends_between_bars_and_the_run_goes_on(home: Path) -> None:
    """An interrupt ends with code 130 and everything written; the same command goes on."""
    command = [
        sys.executable, "-c", "from mettle.entrypoints.cli.main import run; run()",
        "-C", str(home), "paper", "run", *RULE, "--run-id", "stopped", "--json",
    ]  # fmt: skip
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    database = home / "mettle.db"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _decisions(database) < 3:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    data = json.loads(out)["data"]
    assert (data["status"], data["decisions"]) == ("stopped", _decisions(database))
    assert "--run-id stopped" in err
    assert call(home, "run", *RULE, "--run-id", "stopped", "--commit-every", "500", "-q") == 0
    assert _decisions(database) > data["decisions"]


def _decisions(database: Path) -> int:
    import sqlite3  # noqa: PLC0415  only to look from outside

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            query = "SELECT COUNT(*) FROM decisions WHERE run_id = 'stopped'"
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


MISTAKES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "neither model nor strategy": (("run",), 2, "either --model or --strategy"),
    "both": (("run", "--model", "a", "--strategy", "ema-cross"), 2, "either --model or --strategy"),
    "no such model": (("run", "--model", "nobody"), 3, "nobody"),
    "no such symbol": (
        ("run", "--strategy", "ema-cross", "--symbols", "SYN9/USDT"),
        3,
        "SYN9/USDT",
    ),
    "a bad run id": (("run", *RULE, "--run-id", "../up"), 2, "run id"),
    "no capital": (("run", *RULE, "--capital", "0"), 2, "capital"),
    "an empty period": (("run", *RULE, "--from", "2030-01-01"), 3, "no bars"),
    "no such run": (("status", "nobody"), 3, "nobody"),
    "another capital for a known run": (
        ("run", *RULE, "--last", "4d", "--run-id", "first", "--capital", "77"),
        2,
        "begun with other settings",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_end_with_a_mend(
    home: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """Each mistake has its exit code and one line that names it; never a traceback."""
    if "known run" in what:
        call(home, "run", *RULE, "--last", "4d", "--run-id", "first", "--capital", "5000", "-q")
    capsys.readouterr()
    arguments, code, words = MISTAKES[what]
    assert call(home, *arguments) == code
    shown = capsys.readouterr()
    assert words in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_a_finished_run_says_that_nothing_was_traded(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command again changes nothing, and says so."""
    line = ("run", *RULE, "--last", "2d", "--run-id", "twice")
    assert call(home, *line) == 0
    capsys.readouterr()
    assert call(home, *line) == 0
    assert "run twice was finished before: nothing was traded" in capsys.readouterr().err


def test_a_killed_run_is_not_shown_as_working(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a process trades nobody else may take its run; once it is killed, status says so."""
    line = ["-C", str(home), "paper", "run", *RULE, "--last", "60d", "--run-id", "killed"]
    child = subprocess.Popen(
        [sys.executable, "-m", "mettle.entrypoints.cli.main", *line],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    claims = mettle.open(home).container.claims()
    deadline = time.monotonic() + 60
    while call(home, "status", "killed", "--json") or not claims.held("run", "killed"):
        assert child.poll() is None, "the run ended before it was seen"
        assert time.monotonic() < deadline, "the run never began"
        capsys.readouterr()
    assert json.loads(capsys.readouterr().out)["data"]["at_work"] is True
    assert call(home, "run", *RULE, "--last", "60d", "--run-id", "killed") == 5
    assert f"process {child.pid} is at work on run 'killed'" in capsys.readouterr().err
    child.kill()
    child.communicate()
    assert call(home, "status", "killed") == 0
    assert "--run-id killed" in capsys.readouterr().err
    assert main(["-C", str(home), "status"]) == 0
    assert "running (no process)" in capsys.readouterr().out
    assert (
        call(home, "run", *RULE, "--last", "60d", "--run-id", "killed", "--commit-every", "500")
        == 0
    )
