"""Replacing a file so that it is either the old one or the new one, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ....domain.errors import StorageError


def write_atomic(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``: temporary file beside it, fsync, rename, fsync of the folder.

    Only one writer of ``path`` at a time; hold :func:`locked`.

    Raises:
        StorageError: If the disk is full or the folder cannot be written; the old content and no
            temporary file remain.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise _storage_error(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _storage_error(path, error) from error
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock against other processes for the length of the block."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _storage_error(folder, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(path: Path) -> None:
    """Remove what a killed writer of ``path`` left behind."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot sync a folder; the rename itself has happened.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise _storage_error(folder, error) from error
    finally:
        os.close(handle)


def _storage_error(path: Path, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    mend = "free some space, or choose another folder with --lake"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        mend = "choose a folder that can be written with --lake"
    return StorageError(f"cannot write {path}: {reason}", mend=mend)
