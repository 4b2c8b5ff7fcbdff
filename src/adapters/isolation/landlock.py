"""Landlock: the files that this process may reach from now on, for good.

Source: the kernel's ``Documentation/userspace-api/landlock.rst``.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from .kernel import syscall

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _READ_FILE | 1 << 1 | 1 << 14
_WRITE = sum(1 << bit for bit in (1, 4, 5, 7, 8, 14))
"""Write and truncate files, make and remove files and folders; no devices, sockets or links."""

LEAST = 3
"""The first version that also guards truncation."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that the kernel offers, 0 if it offers none."""
    try:
        return syscall(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> str:
    """Let this thread, and all that it starts, reach nothing but these places.

    TCP is shut from version 4 on, abstract sockets and signals to others from version 6 on.

    Args:
        readable: Files and folders that may be read; those that do not exist are left out.
        writable: Folders that may be written.

    Returns:
        What was done, in words.

    Raises:
        OSError: If the kernel refuses.
    """
    found = version()
    bits = 13 + sum(found >= least for least in (2, 3, 5))
    files = (1 << bits) - 1
    # Before version 6 the attributes that the kernel does not know are not passed.
    rules = _Ruleset(files, 3 if found >= 4 else 0, 3 if found >= 6 else 0)
    size = 8 * (1 + (found >= 4) + (found >= 6))
    handle = syscall(_CREATE, ctypes.byref(rules), size, 0)
    try:
        for path in readable:
            _allow(handle, path, _READ)
        for path in writable:
            _allow(handle, path, _READ & ~_EXECUTE | _WRITE)
        syscall(_RESTRICT, handle, 0)
    finally:
        os.close(handle)
    return f"landlock {found}"


def _allow(handle: int, path: Path, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not path.is_dir():
            access &= _ON_FILES
        beneath = _Beneath(access, place)
        syscall(_ADD_RULE, handle, _PATH_BENEATH, ctypes.byref(beneath), 0)
    finally:
        os.close(place)
