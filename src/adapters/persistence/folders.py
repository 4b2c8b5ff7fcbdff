"""Folders of a few files that are either the old ones or the new ones, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...domain.errors import ArtefactError, NotFound, StorageError


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make ``path`` a folder of exactly ``files``; a folder that was there is replaced.

    Every file is on the disk before the folder gets its name. One writer at a time.

    Raises:
        StorageError: If the disk is full or the place cannot be written; the old content stays.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        recover_folder(path)
        for stale in path.parent.glob(f".{path.name}.*.tmp"):
            shutil.rmtree(stale)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
        for name, data in files.items():
            with (temporary / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o755)
        sync_folder(temporary)
        if path.exists():
            path.rename(_aside(path))
        temporary.rename(path)
        sync_folder(path.parent)
        shutil.rmtree(_aside(path), ignore_errors=True)  # a leftover goes at the next write
    except OSError as error:
        recover_folder(path)
        raise storage_error(path, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)  # nothing is left of it after success


def recover_folder(path: Path) -> None:
    """Undo or finish a replacement that a crash cut between its two renames."""
    aside = _aside(path)
    if not aside.is_dir():
        return
    if path.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(path)


@contextlib.contextmanager
def locked(folder: Path, option: str = "") -> Iterator[None]:
    """Hold a folder against other writers for the length of the block; it is made if missing.

    Args:
        option: As for :func:`storage_error`.

    Raises:
        StorageError: If it cannot be made or opened.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise storage_error(folder, error, option) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_regular(folder: Path, name: str, limit: int) -> bytes:
    """Return a file's bytes, following no link.

    Args:
        folder: A folder, itself no link.
        name: A plain file name.
        limit: Most bytes that the file may hold.

    Raises:
        NotFound: If the folder or the file is missing.
        ArtefactError: If either is a link or of another kind, or the file is too large.
        StorageError: If it cannot be read.
    """
    if name != Path(name).name or name in {"", ".", ".."}:
        raise ArtefactError(f"{name!r} is no plain file name")
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise NotFound(f"{folder / name} does not exist") from None
    except OSError as error:
        raise _reading_error(folder / name, error) from error
    try:
        return _read_in(root, folder / name, limit)
    finally:
        os.close(root)


def read_folder(folder: Path, limits: Mapping[str, int]) -> dict[str, bytes]:
    """Return the bytes of a folder's files, each read once, following no link.

    All are read through one handle of the folder: one that is replaced meanwhile is read as it was,
    or not at all.

    Args:
        limits: Most bytes of each file that may be there; those that are missing are left out.

    Raises:
        NotFound: If there is no such folder.
        ArtefactError: If it holds anything else, or a file is a link, of another kind or too large.
        StorageError: If it cannot be read.
    """
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise NotFound(f"{folder} does not exist") from None
    except OSError as error:
        raise _reading_error(folder, error) from error
    try:
        with os.scandir(root) as entries:
            names = sorted(one.name for one in entries)
        if strange := [name for name in names if name not in limits]:
            raise ArtefactError(f"{folder} holds {strange[0]!r}, which does not belong there")
        return {name: _read_in(root, folder / name, limits[name]) for name in names}
    finally:
        os.close(root)


def _read_in(root: int, path: Path, limit: int) -> bytes:
    try:
        # Non-blocking, so that a pipe of that name cannot hang the reader.
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=root)
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None
    except OSError as error:
        raise _reading_error(path, error) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ArtefactError(f"{path} is not a regular file")
        if status.st_size > limit:
            raise ArtefactError(f"{path} holds more than {limit} bytes")
        with os.fdopen(handle, "rb", closefd=False) as file:
            # One byte more than stated: a file that grows meanwhile is caught.
            data = file.read(status.st_size + 1)
    except OSError as error:
        raise _reading_error(path, error) from error
    finally:
        os.close(handle)
    if len(data) != status.st_size:
        raise ArtefactError(f"{path} is being written")
    return data


def _reading_error(path: Path, error: OSError) -> ArtefactError | StorageError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return ArtefactError(f"{path} is a link, links are refused")
    return storage_error(path, error)


def storage_error(path: Path, error: OSError, option: str = "") -> StorageError:
    """Return the error of ours for one of the operating system's.

    Args:
        option: The one that chooses another folder, for the mend; "" if there is none.
    """
    reason = error.strerror or str(error)
    mend = "free some space, or use another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        mend = "use a folder that can be written"
    chosen = f" with {option}" if option else ""
    return StorageError(f"cannot use {path}: {reason}", mend=mend + chosen)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk: only then has a rename in it happened for good."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot sync a folder; the rename itself has happened.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.replaced")
