"""`mettle demo`: the whole path in one command, and again, and the commands that it proposes."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from tests.support.workspaces import fingerprint, spawn


@pytest.mark.slow
def test_the_demo_and_what_it_proposes(tmp_path: Path) -> None:
    """It ends well twice, calls everything synthetic, and its three commands work."""
    first = spawn(None, "demo", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert lines[0].startswith("SYNTHETIC market")
    assert [line[:3] for line in lines if line[1:3] == "/6"] == [f"{i}/6" for i in range(1, 7)]
    assert any(line.startswith("done in ") and "RESULT (SYNTHETIC)" in line for line in lines)
    assert "the same equity to the last 1e-8" in first.stdout

    # What the environment sets for the user's own workspaces does not reach the demo.
    environment = {
        **os.environ,
        "METTLE__TRAINING__FRAMES": "4096",
        "METTLE__MARKET__TIMEFRAME": "x",
    }
    second = spawn(None, "demo", "--json", "--quiet", cwd=tmp_path, env=environment)
    assert second.returncode == 0, second.stderr
    found = json.loads(second.stdout)["data"]
    assert found["synthetic"] is True
    assert found["steps"]["training"]["frames"] >= 100_000
    assert found["steps"]["paper"]["equals_backtest"] is True
    assert Path(found["tear_sheet"]).read_text(encoding="utf-8").count("SYNTHETIC") > 0

    assert len(found["next"]) == 3
    for line in found["next"]:
        done = spawn(None, *shlex.split(line)[1:], cwd=tmp_path)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert "synthetic" in (done.stdout + done.stderr).lower()


def test_the_demo_leaves_other_folders_alone(tmp_path: Path) -> None:
    """A folder with other things is refused and not touched."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine", encoding="utf-8")
    done = spawn(None, "demo", str(tmp_path / "notes"))
    assert done.returncode == 2
    assert "name another folder" in done.stderr
    assert list(fingerprint(tmp_path)) == ["notes/a.txt"]
