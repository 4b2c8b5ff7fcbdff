"""Replacing a file so that it is either the old one or the new one, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ....domain.errors import StorageError


def write_atomic(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``: temporary file beside it, fsync, rename, fsync of the folder.

    Raises:
        StorageError: If the disk is full or the folder cannot be written; the old content and no
            temporary file remain.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise _storage_error(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
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
