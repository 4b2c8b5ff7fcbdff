"""What the machine promises: whether a sync reaches a disk, and whether the clock is right."""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ...domain.errors import StorageError

_UNSYNCHRONISED = 0x0040
_MOUNTS = Path("/proc/self/mounts")
_WAL = b"\x02\x02"
"""Bytes 18 and 19 of SQLite's header: read and write by write-ahead log."""


def file_system(path: Path) -> str:
    """Return the kind of file system that holds ``path`` (``ext4``, ``tmpfs``, ``nfs4``).

    Empty where the system does not tell.
    """
    try:
        lines = _MOUNTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    place, best, kind = path.resolve(), -1, ""
    for line in lines:
        _, mount, name, *_ = line.split(" ")
        point = Path(mount.encode().decode("unicode_escape"))
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), name
    return kind


def sync_seconds(folder: Path, rounds: int = 5) -> float:
    """Return the median time of writing a page and syncing it, seconds.

    Raises:
        StorageError: If nothing can be written there.
    """
    taken = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(rounds):
                begun = time.perf_counter()
                os.pwrite(file.fileno(), b"\0" * 4096, 0)
                os.fdatasync(file.fileno())
                taken.append(time.perf_counter() - begun)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be synced: {error.strerror or error}",
            mend="check the disk, or choose another folder",
        ) from error
    return sorted(taken)[rounds // 2]


def has_write_ahead_log(database: Path) -> bool:
    """Return whether a SQLite file is in write-ahead mode; it stays so once it was set.

    Raises:
        StorageError: If it cannot be read.
    """
    try:
        with database.open("rb") as file:
            return file.read(20)[18:20] == _WAL
    except OSError as error:
        raise StorageError(f"{database} cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the kernel knows of its clock.

    Attributes:
        synchronised: Whether something keeps it right.
        error_ms: Its own bound on how wrong it may be; grows while nothing keeps it right.
    """

    synchronised: bool
    error_ms: float


class _Timex(ctypes.Structure):
    """The kernel's ``struct timex``, as far as it is read here; see adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def clock_state() -> ClockState | None:
    """Return what the kernel says of its clock; None where it cannot be asked."""
    state = _Timex()
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.adjtimex(ctypes.byref(state)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return ClockState(not state.status & _UNSYNCHRONISED, state.maxerror / 1000)
