"""Messages to people: where they land, and what happens when they cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.workspaces import call

RULE = ("--strategy", "ema-cross:fast=3,slow=9", "--profile", "strict", "--last", "15d")


def test_what_matters_is_written_down(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tripped breaker is a line that names run and reason; fills are not, unless asked for."""
    done = call(capsys, home, "paper", "run", *RULE, "--run-id", "held", "-q")
    assert (done.code, done.err) == (0, "warning: these bars are SYNTHETIC\n")
    file = home / "logs" / "notices.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {one["topic"] for one in lines} <= {"breaker", "mode"}
    assert {one["account"] for one in lines} == {"held"}
    assert any("tripped" in one["event"] for one in lines)
    more = ("--set", "notify.least=info", "--run-id", "more", "-q")
    assert call(capsys, home, "paper", "run", *RULE, *more).code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert any(one["topic"] == "fill" and one["account"] == "more" for one in lines)


def test_a_place_that_cannot_be_written_stops_nobody(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run trades to its end and warns; the doctor says what is wrong, and what mends it."""
    (home / "logs").write_text("in the way", encoding="utf-8")
    done = call(capsys, home, "paper", "run", *RULE, "-q")
    assert done.code == 0
    assert "messages could not be written to" in done.err
    examined = call(capsys, home, "doctor", "--json")
    checks = {one["name"]: one for one in json.loads(examined.out)["data"]["checks"]}
    assert (examined.code, checks["notices"]["verdict"]) == (1, "failed")
    assert "notify.file" in checks["notices"]["mend"]
    assert call(capsys, home, "config", "set", "notify.file", "elsewhere/notices").code == 0
    examined = call(capsys, home, "doctor", "--json")
    checks = {one["name"]: one for one in json.loads(examined.out)["data"]["checks"]}
    assert checks["notices"]["verdict"] == "ok"
    assert not (home / "elsewhere").exists()
