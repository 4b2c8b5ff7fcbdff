"""A paper session in one process, ruled from another: pause, resume, stop, kill."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mettle
import pytest
from mettle.domain.errors import NotRunning, RefusedForSafety
from mettle.entrypoints.cli.main import main
from tests.support.workspaces import call

pytestmark = pytest.mark.slow

Begin = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def long_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with more bars than any of these tests waits for.

    Short bars at no cost: however many of them a quick machine plays, the account is not ruined.
    """
    home = tmp_path_factory.mktemp("ruled") / "ws"
    assert main(["init", str(home), "--quiet"]) == 0
    synth = ("data", "synth", "--assets", "1", "--bars", "200000", "-t", "5m", "-q")
    assert main(["-C", str(home), *synth]) == 0
    return home


@pytest.fixture
def begin(long_home: Path) -> Iterator[Begin]:
    """Yield a way to begin a run in a process of its own; what still runs at the end is ended."""
    children: list[subprocess.Popen[str]] = []

    def start(run_id: str) -> subprocess.Popen[str]:
        command = [
            *(sys.executable, "-m", "mettle.entrypoints.cli.main", "-C", str(long_home)),
            *("paper", "run", "--strategy", "ema-cross:fast=3,slow=9", "--symbols", "SYN1/USDT"),
            *("-t", "5m", "--cost-profile", "zero"),
            *("--run-id", run_id, "--json", "-q"),
        ]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        children.append(child)
        until(child, lambda: decisions(long_home, run_id) > 20)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGCONT)
            child.kill()
        child.communicate()


def until(child: subprocess.Popen[str], true: Callable[[], bool]) -> None:
    """Wait for something while a process lives."""
    deadline = time.monotonic() + 60
    while not true():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def count(home: Path, table: str, column: str, run_id: str) -> int:
    """Return how many rows of a run there are."""
    try:
        with sqlite3.connect(f"file:{home}/mettle.db?mode=ro", uri=True) as connection:
            query = f"SELECT COUNT(*) FROM {table} WHERE {column} = ?"  # noqa: S608  our own names
            return int(connection.execute(query, (run_id,)).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def held(home: Path, run_id: str) -> int:
    """Return the lots that the fills of a run add up to."""
    with sqlite3.connect(f"file:{home}/mettle.db?mode=ro", uri=True) as connection:
        query = "SELECT COALESCE(SUM(side * lots), 0) FROM fills WHERE account = ?"
        return int(connection.execute(query, (run_id,)).fetchone()[0])


def decisions(home: Path, run_id: str) -> int:
    """Return how many decisions a run has made."""
    return count(home, "decisions", "run_id", run_id)


def ask(capsys: pytest.CaptureFixture[str], home: Path, *words: str, code: int = 0) -> Any:  # noqa: ANN401  whatever the verb prints
    """Return what a verb prints with --json."""
    found = call(capsys, home, *words, "--json")
    assert found.code == code, found.err
    return json.loads(found.out)["data"]


def test_pause_resume_and_stop(
    long_home: Path, begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    """The session answers each command; a paused one sends nothing, a stopped one can go on."""
    child = begin("ruled")
    assert ask(capsys, long_home, "paper", "health", "ruled")["healthy"]
    paused = ask(capsys, long_home, "paper", "pause", "ruled", "--wait", "30")
    assert (paused["mode"], paused["account"]) == ("PAUSED", "ruled")
    assert paused["handled_at"] is not None
    before, seen = count(long_home, "orders", "run_id", "ruled"), decisions(long_home, "ruled")
    until(child, lambda: decisions(long_home, "ruled") > seen + 50)
    assert count(long_home, "orders", "run_id", "ruled") == before
    (account,) = ask(capsys, long_home, "status")["accounts"]
    assert (account["account"], account["mode"], account["running"]) == ("ruled", "PAUSED", True)
    assert [one["cause"] for one in account["causes"]] == ["operator"]
    resumed = ask(capsys, long_home, "paper", "resume", "ruled", "--wait", "30")
    assert resumed["mode"] == "ACTIVE"
    until(child, lambda: count(long_home, "orders", "run_id", "ruled") > before)
    reduced = ("paper", "pause", "ruled", "--reduce", "--symbol", "SYN1/USDT", "--wait", "30")
    assert ask(capsys, long_home, *reduced)["mode"] == "REDUCING"
    ask(capsys, long_home, "paper", "stop", "ruled", "--wait", "30")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert json.loads(out)["data"]["status"] == "stopped"
    assert call(capsys, long_home, "paper", "stop", "ruled").code == 4


def test_python_rules_it_as_well(long_home: Path, begin: Begin) -> None:
    """The same commands hang from a run of the workspace; reading needs no session."""
    child = begin("pythonic")
    with mettle.open(long_home) as ws:
        run = ws.run("pythonic")
        run.pause()
        assert ws.standing("pythonic").mode.name == "PAUSED"
        assert {one.level.value for one in run.health()} <= {"ok", "warning"}
        run.resume()
        assert ws.standing("pythonic").mode.name == "ACTIVE"
        assert run.orders(limit=3)
        assert len(ws.orders("pythonic", limit=3)) == 3
        assert ws.decisions("pythonic", limit=2)[0].why
        standing = ws.risk("pythonic").standing
        assert standing is not None
        assert standing.is_running
        run.stop()
        child.communicate(timeout=60)
        assert run.status.value == "stopped"
        with pytest.raises(NotRunning):
            run.pause()
        ws.kill("pythonic", reason="drill")
        with pytest.raises(RefusedForSafety, match="pythonic"):
            ws.reset("kill", "pythonic")
        assert ws.reset("kill", "pythonic", confirm="pythonic").changed


def test_a_kill_works_while_the_trader_hangs(
    long_home: Path, begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    """A SIGSTOPped session is killed at once; awake again, it closes and sends nothing else."""
    child = begin("hung")
    child.send_signal(signal.SIGSTOP)
    hung = call(capsys, long_home, "paper", "pause", "hung", "--wait", "0.3")
    assert hung.code in {1, 7}  # 1 if it sleeps inside a transaction: the database is locked
    assert " · " in hung.err
    killed = call(capsys, long_home, "kill", "--flatten", "--account", "hung")
    assert (killed.code, "not written down" in killed.err) == (0, False)
    before = count(long_home, "orders", "run_id", "hung")
    child.send_signal(signal.SIGCONT)
    until(child, lambda: held(long_home, "hung") == 0)
    seen = decisions(long_home, "hung")
    until(child, lambda: decisions(long_home, "hung") > seen + 20)
    assert held(long_home, "hung") == 0
    # One order may have been on its way; its write-ahead was begun before the kill.
    assert count(long_home, "orders", "run_id", "hung") <= before + 2
    child.terminate()
    child.communicate(timeout=60)
    assert ask(capsys, long_home, "risk", "show", "--account", "hung")["mode"] == "KILLED"
    assert call(capsys, long_home, "risk", "reset", "kill", "--confirm", "hung").code == 0


def test_a_restart_stays_killed(
    long_home: Path, begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run may go on after a kill, but it opens nothing."""
    child = begin("again")
    ask(capsys, long_home, "paper", "stop", "again", "--wait", "30")
    child.communicate(timeout=60)
    assert call(capsys, long_home, "kill").code == 0
    before, seen = count(long_home, "orders", "run_id", "again"), decisions(long_home, "again")
    child = begin("again")
    until(child, lambda: decisions(long_home, "again") > seen + 200)
    assert count(long_home, "orders", "run_id", "again") == before
    (account,) = [
        one for one in ask(capsys, long_home, "status")["accounts"] if one["account"] == "again"
    ]
    assert account["mode"] == "KILLED"
    assert call(capsys, long_home, "risk", "reset", "kill", "--confirm", "everything").code == 0
    until(child, lambda: count(long_home, "orders", "run_id", "again") > before)


def test_a_lease_does_not_outlive_its_process(
    long_home: Path, begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    """After kill -9 nobody waits for an answer: exit 4 at once, and the command that goes on."""
    child = begin("dead")
    child.kill()
    child.wait()
    found = call(capsys, long_home, "paper", "pause", "dead", "--wait", "60")
    assert found.code == 4
    assert "--run-id dead" in found.err
    assert not ask(capsys, long_home, "paper", "health", "dead", code=4)["running"]
    (account,) = [
        one for one in ask(capsys, long_home, "status")["accounts"] if one["account"] == "dead"
    ]
    assert not account["running"]
