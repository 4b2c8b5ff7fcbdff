"""What the machine promises, as the doctor reads it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from mettle.adapters.system.machine import (
    clock_state,
    file_system,
    has_write_ahead_log,
    sync_seconds,
)
from mettle.domain.errors import StorageError
from mettle.entrypoints.checks import Verdict
from mettle.entrypoints.trading_checks import disk_verdict


def test_each_place_has_its_file_system(tmp_path: Path) -> None:
    """The nearest mount decides, also for a file that is not there yet."""
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(tmp_path / "not" / "there") == file_system(tmp_path) != ""


def test_a_sync_takes_time(tmp_path: Path) -> None:
    """The median of a few syncs; a folder that is not there says so."""
    assert 0 < sync_seconds(tmp_path) < 60
    with pytest.raises(StorageError, match="cannot be synced"):
        sync_seconds(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mode", "expected"), [("WAL", True), ("DELETE", False)])
def test_the_header_tells_the_log(tmp_path: Path, mode: str, expected: bool) -> None:
    """Write-ahead mode is written into the file itself."""
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    connection.close()
    assert has_write_ahead_log(tmp_path / "x.db") is expected
    with pytest.raises(StorageError, match="cannot be read"):
        has_write_ahead_log(tmp_path / "y.db")


def test_the_kernel_knows_its_clock() -> None:
    """Its own bound on the error is a time, or it does not tell."""
    state = clock_state()
    assert state is None or state.error_ms >= 0


@pytest.mark.parametrize(
    ("kind", "taken", "verdict"),
    [
        ("ext4", 0.004, Verdict.OK),
        ("", 0.004, Verdict.OK),
        ("nfs4", 0.004, Verdict.FAILED),
        ("tmpfs", 0.004, Verdict.WARNING),
        ("ext4", 0.000_002, Verdict.WARNING),
        ("ext4", 0.5, Verdict.WARNING),
    ],
)
def test_disks_are_judged(kind: str, taken: float, verdict: Verdict) -> None:
    """A disk far away is no place for the journal; one that is too quick or slow is suspicious."""
    found, mend = disk_verdict(kind, taken)
    assert found is verdict
    assert bool(mend) == (verdict is not Verdict.OK)
