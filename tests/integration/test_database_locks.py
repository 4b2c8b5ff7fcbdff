"""Locks of the database outlive whatever else a process does with its file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mettle.adapters.persistence.sql import SqlStore
from tests.support.journal import run

_VISITOR = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
print(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
connection.close()
"""


def _visited(file: Path) -> int:
    """Return how many runs another process sees, which then closes the file."""
    command = [sys.executable, "-c", _VISITOR, str(file)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_opening_the_file_again_drops_no_lock(tmp_path: Path) -> None:
    """A visitor must not take itself for the last one, and clear away the log of who writes.

    What was written from then on would be in a deleted file, and lost.
    """
    file = tmp_path / "mettle.db"
    with SqlStore(file) as store, SqlStore(file):
        with store.reading() as unit:
            assert unit.runs.find(run().run_id) is None
        assert _visited(file) == 0
        with store.writing() as unit:
            unit.runs.add(run())
            unit.commit()
        assert _visited(file) == 1
