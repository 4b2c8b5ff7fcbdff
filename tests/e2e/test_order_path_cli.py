"""The verbs of the order path over a finished run, and the mistakes one makes with them."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.workspaces import call, spawn

RULE = ("--strategy", "ema-cross:fast=3,slow=9", "--last", "6d")


@pytest.fixture
def played(home: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a workspace with a finished run called first."""
    assert call(capsys, home, "paper", "run", *RULE, "--run-id", "first", "-q").code == 0
    return home


def data(capsys: pytest.CaptureFixture[str], home: Path, line: str, code: int = 0) -> Any:  # noqa: ANN401  whatever the verb prints
    """Return what a verb prints with --json."""
    found = call(capsys, home, *line.split(), "--json")
    assert found.code == code, found.err
    document = json.loads(found.out)
    words = [one for one in line.split() if one.isalpha()][:2]
    assert document["schema"] in {f"mettle.{'.'.join(words)}/1", f"mettle.{words[0]}/1"}
    return document["data"]


def test_orders_from_the_list_to_one(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each order of the list can be shown, and its fills add up to it."""
    listed = data(capsys, played, "orders list --limit 3")
    assert listed["account"] == "first"
    assert len(listed["orders"]) == 3
    for one in listed["orders"]:
        shown = data(capsys, played, f"orders show {one['client_order_id']}")
        assert shown["state"] == one["state"]
        assert sum(fill["lots"] for fill in shown["fills"]) == shown["filled_lots"]
        assert shown["client_order_id"] in [a["client_order_id"] for a in shown["attempts"]]
    text = call(capsys, played, "orders", "list").out
    assert text.startswith("written\torder\tsymbol\tside\tsize\tfilled\tprice\tstate")
    assert listed["orders"][0]["client_order_id"] in text
    assert call(capsys, played, "orders", "list", "--live").out == "no live orders of first\n"


def test_a_decision_leads_to_its_orders(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Why it traded, why it did not, and what came of it."""
    order = data(capsys, played, "orders list --limit 1")["orders"][0]
    shown = data(capsys, played, f"decisions show {order['decided_at']}")
    assert order["client_order_id"] in [one["client_order_id"] for one in shown["orders"]]
    assert order["symbol"] in [one["symbol"] for one in shown["intents"]]
    listed = data(capsys, played, "decisions list --limit 4")["decisions"]
    assert len(listed) == 4
    refused = data(capsys, played, "decisions list --why-not --limit 4")["not_traded"]
    assert all(one["why"] for one in refused)
    moment = call(capsys, played, "decisions", "list").out.splitlines()[1].split("\t")[0]
    assert call(capsys, played, "decisions", "show", moment).code == 0


def test_risk_and_health_of_a_run_that_is_over(
    played: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mode is told in words; without a session health ends with 4 and says why."""
    risk = data(capsys, played, "risk show")
    assert (risk["kind"], risk["mode"], risk["running"]) == ("PAPER", "ACTIVE", False)
    assert risk["mode_in_words"] == "trading freely"
    health = data(capsys, played, "paper health", code=4)
    assert not health["healthy"]
    assert health["signs"][0]["text"] == "no session, the run is finished"


def test_kill_and_rearm_everything(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a kill nothing new begins, everything says so, and only the typed word ends it."""
    done = data(capsys, played, "kill --reason drill")
    assert done["killed"] == "everything"
    assert data(capsys, played, "risk show")["mode"] == "KILLED"
    status = data(capsys, played, "status")
    assert "drill" in status["killed"]
    assert "KILLED, everything" in call(capsys, played, "status").out
    checks = {one["name"]: one for one in data(capsys, played, "doctor")["checks"]}
    assert checks["kill"]["verdict"] == "warning"
    assert checks["durability"]["verdict"] in {"ok", "warning"}  # a tmpfs is a warning
    assert "write-ahead log" in checks["durability"]["detail"]
    new = call(capsys, played, "paper", "run", *RULE, "--run-id", "second")
    assert new.code == 5
    assert "drill" in new.err
    for words in ((), ("--confirm", "first"), ("--no-input",)):
        refused = call(capsys, played, "risk", "reset", "kill", *words)
        assert refused.code == 5
        assert "--confirm everything" in refused.err
    assert data(capsys, played, "risk reset kill --confirm everything")["changed"]
    assert data(capsys, played, "risk show")["mode"] == "ACTIVE"
    assert call(capsys, played, "paper", "run", *RULE, "--run-id", "second", "-q").code == 0


def test_kill_and_rearm_one_account(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One account's kill is its own; it is the one that a re-arm without a name finds."""
    assert call(capsys, played, "paper", "run", *RULE, "--run-id", "second", "-q").code == 0
    done = data(capsys, played, "kill --account first --flatten")
    assert [one["account"] for one in done["accounts"]] == ["first"]
    assert data(capsys, played, "risk show --account second")["mode"] == "ACTIVE"
    assert data(capsys, played, "risk show --account first")["mode"] == "KILLED"
    other = call(capsys, played, "risk", "reset", "kill", "--account", "second", "--confirm", "x")
    assert (other.code, other.out) == (1, "second is not killed\n")
    assert call(capsys, played, "risk", "reset", "kill", "--confirm", "second").code == 5
    assert call(capsys, played, "risk", "reset", "kill", "--confirm", "first").code == 0
    assert data(capsys, played, "risk show --account first")["mode"] == "ACTIVE"


def test_a_person_types_the_name(played: Path) -> None:
    """On a terminal the name is asked for; another word is refused."""
    for typed, code in (("first", 5), ("everything", 0)):
        assert spawn(played, "kill", "-q").returncode == 0
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "mettle.entrypoints.cli.main", "-C", str(played)]
        child = subprocess.Popen(
            [*command, "risk", "reset", "kill"],
            stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, f"{typed}\n".encode())
        out, _ = child.communicate(timeout=60)
        shown = os.read(ours, 4096).decode()
        os.close(ours)
        assert child.returncode == code, shown
        assert "type 'everything' to re-arm it" in shown
        assert ("re-armed" in out) == (code == 0)


def broken_settings(home: Path) -> list[str]:
    """Spoil mettle.toml."""
    with (home / "mettle.toml").open("a", encoding="utf-8") as file:
        file.write("[nonsense]\nx = 1\n")
    return []


def no_database(home: Path) -> list[str]:
    """Put something else in the place of the database."""
    for name in ("mettle.db-wal", "mettle.db-shm"):
        (home / name).unlink(missing_ok=True)
    (home / "mettle.db").write_text("no database at all, and long enough for a header " * 30)
    return []


def read_only(home: Path) -> list[str]:
    """Open the database as on a disk that has become read-only."""
    return ["--set", f"workspace.database=sqlite:///file:{home}/mettle.db?mode=ro&uri=true"]


@pytest.mark.parametrize("spoil", [broken_settings, no_database, read_only])
def test_a_kill_needs_neither_settings_nor_database(
    spoil: Callable[[Path], list[str]], played: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The flag is set, the rest is a warning, and the exit code is that of a kill: 0."""
    found = call(capsys, played, *spoil(played), "kill", "--flatten", "-a", "first")
    assert found.code == 0
    assert found.out.startswith("KILLED: first")
    assert "the flag holds alone" in found.err
    assert "--flatten is not written down" not in found.err, "the flag itself says so"
    assert "Traceback" not in found.err
    (flag,) = (played / "kill").iterdir()
    assert flag.name == "first.kill"
    assert flag.read_text().startswith("kill and flatten by ")
    flag.write_text("kill by ada\n")
    again = call(capsys, played, *spoil(played), "kill", "--flatten", "-a", "first")
    assert again.code == 0
    assert "--flatten is not written down" in again.err, "a flag keeps its first reason"


def test_a_locked_database(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hanging writer delays no kill; whoever has to write says what is in the way."""
    holder = sqlite3.connect(played / "mettle.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    found = call(capsys, played, "kill", "--account", "first")
    taken = time.monotonic() - begun
    assert found.code == 0
    assert "locked" in found.err
    assert taken < 30  # a second for the lock; the rest is for a slow machine
    found = call(capsys, played, "risk", "reset", "kill", "--confirm", "first")
    holder.rollback()
    holder.close()
    assert found.code == 1
    assert "locked" in found.err
    assert " · " in found.err
    assert data(capsys, played, "risk show")["mode"] == "KILLED"


def test_the_doctor_sees_a_clock_that_went_back(
    played: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that begins in the future means that the clock has jumped: exit 1, with the mend."""
    with sqlite3.connect(played / "mettle.db") as connection:
        connection.execute("UPDATE runs SET created_at = created_at + 3600000")
    connection.close()
    checks = {one["name"]: one for one in data(capsys, played, "doctor", code=1)["checks"]}
    assert checks["clock skew"]["verdict"] == "failed"
    assert "timedatectl" in checks["clock skew"]["mend"]


MISTAKES: dict[str, tuple[str, int, str]] = {
    "an unknown run": ("paper health frist", 3, "did you mean 'first'?"),
    "an unknown account": ("orders list --account frist", 3, "did you mean 'first'?"),
    "an unknown order": ("orders show 1234", 3, "orders list"),
    "an order left out": ("orders show", 2, "--help"),
    "no orders wanted": ("orders list --limit 0", 2, "--limit"),
    "an odd symbol": ("orders list --symbol BTC", 2, "BASE/QUOTE"),
    "an odd time": ("decisions show yesterday", 2, "2024-01-31"),
    "no decision then": ("decisions show 2019-01-01", 3, "decisions list"),
    "a breaker that is not there": ("risk reset daily_los", 3, "risk show"),
    "a reset of nothing": ("risk reset", 2, "--help"),
    "nothing is killed": ("risk reset kill", 3, "nothing is killed"),
    "pause of what does not run": ("paper pause first", 4, "mettle status"),
    "resume of what does not run": ("paper resume first", 4, "mettle status"),
    "stop of what does not run": ("paper stop first", 4, "mettle status"),
    "pause of a strange symbol": ("paper pause first --symbol SYN7/USDT", 3, "did you mean 'SYN"),
    "no time to wait": ("paper stop first --wait -1", 2, "--wait"),
    "a kill of an unknown account": ("kill --account frist", 3, "nothing was killed"),
    "live without anything": ("live run", 2, "--model or --strategy"),
    "live without a venue": ("live run --strategy ema-cross", 5, "live run --dry-run"),
    "a dry run of one bar": ("live run --strategy ema-cross --dry-run --for 1h", 2, "2 bars"),
    "an odd length": ("live run --strategy ema-cross --dry-run --for ages", 2, "'ages'"),
    "a dry run of nobody": ("live run --model nobody --dry-run", 3, "nobody"),
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory, small_workspace: Path) -> Path:
    """Return a workspace with a run, for mistakes that change nothing."""
    home = tmp_path_factory.mktemp("mistaken") / "ws"
    subprocess.run(["cp", "-r", str(small_workspace), str(home)], check=True)
    assert spawn(home, "paper", "run", *RULE, "--run-id", "first", "-q").returncode == 0
    return home


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes(what: str, mistaken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has its exit code and one line with its mend, and leaves no flag behind."""
    line, code, words = MISTAKES[what]
    found = call(capsys, mistaken, *line.split())
    assert found.code == code, found.err
    assert "Traceback" not in found.err
    (said,) = [one for one in found.err.splitlines() if one.startswith("error: ")]
    assert words in said
    assert " · " in said
    assert found.out == ""
    assert list((mistaken / "kill").iterdir()) == []


def test_before_the_first_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any run every verb but the kill says what begins one."""
    for line in ("orders list", "decisions list", "paper health", "paper stop"):
        found = call(capsys, home, *line.split())
        assert found.code == 3
        assert "mettle paper run" in found.err
    assert call(capsys, home, "kill").code == 0
