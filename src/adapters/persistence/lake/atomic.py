"""Replacing a file so that it is either the old one or the new one, whatever happens."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from ..folders import storage_error, sync_folder

LAKE_OPTION = "--lake"


def write_atomic(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``: temporary file beside it, fsync, rename, fsync of the folder.

    Only one writer of ``path`` at a time; hold the lock of its folder.

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
        raise storage_error(path, error, LAKE_OPTION) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise storage_error(path, error, LAKE_OPTION) from error
        raise


def _sweep(path: Path) -> None:
    """Remove what a killed writer of ``path`` left behind."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)
