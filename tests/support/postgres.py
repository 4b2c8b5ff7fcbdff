"""A PostgreSQL server of Debian's, for as long as somebody needs one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def missing() -> str:
    """Return why no server can be started, "" if one can."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        return "METTLE_TEST_POSTGRES_URL is not set and initdb is not there"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "it refuses to run as root and setpriv is not there"
    return ""


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the URL of a fresh server that listens on a socket alone."""
    with tempfile.TemporaryDirectory(prefix="mettle-pg-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        as_owner = _unprivileged(folder)
        bring_up = [
            ["initdb", "-D", str(data), "-U", "mettle", "-A", "trust", "-E", "UTF8", "--no-sync"],
            ["pg_ctl", "-D", str(data), "-w", "-l", f"{folder}/log", "-o",
             f"-k {folder} -c listen_addresses= -c fsync=off", "start"],
        ]  # fmt: skip
        for command in bring_up:
            subprocess.run([*as_owner, *command], check=True, capture_output=True, cwd=folder)
        try:
            yield f"postgresql://mettle@/postgres?host={folder}"
        finally:
            stop = ["pg_ctl", "-D", str(data), "-m", "immediate", "stop"]
            subprocess.run([*as_owner, *stop], check=True, capture_output=True, cwd=folder)


def _unprivileged(folder: str) -> list[str]:
    """Return what a command must begin with, since PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, "nobody")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
