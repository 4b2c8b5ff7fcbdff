"""Claims: one process at a time works on a run or a study.

A claim is a lock of the operating system on a small file. It ends with the process that holds it,
however that ends, so that none is ever left behind. It reaches as far as the folder does: what
another machine works on through the same database is not seen.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...domain.errors import RefusedForSafety
from .folders import storage_error

_FOLDER = ".claims"


class FileClaims:
    """Claims under one folder.

    Args:
        root: The folder of runs; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER

    @contextmanager
    def hold(self, kind: str, name: str) -> Iterator[None]:
        """See :class:`~mettle.application.ports.claims.Claims`; names are plain file names."""
        path = self._folder / f"{kind}-{name}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = _locked(path)
        except OSError as error:
            raise storage_error(path, error) from error
        if handle is None:
            raise RefusedForSafety(
                f"{_holder(path)} is at work on {kind} {name!r}",
                mend="wait for it, or choose another name",
            )
        try:
            with suppress(OSError):  # a full disk: the lock counts, the number only informs
                os.ftruncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield
        finally:
            with suppress(OSError):
                path.unlink()
            os.close(handle)

    def held(self, kind: str, name: str) -> bool:
        """See :class:`~mettle.application.ports.claims.Claims`."""
        try:
            handle = os.open(self._folder / f"{kind}-{name}", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False


def _locked(path: Path) -> int | None:
    """Return an open file that is locked and lies at ``path``, or None if another has the lock."""
    for patience in (0.02, 0.02, 0.0):  # :meth:`FileClaims.held` has the lock for an instant
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except (BlockingIOError, FileNotFoundError):  # the latter: its holder has just let go
            pass
        os.close(handle)
        time.sleep(patience)
    return None


def _holder(path: Path) -> str:
    try:
        number = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        number = ""
    return f"process {number}" if number.isdecimal() else "another process"
