"""Opening a file by what is in it, whatever it is called."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
import polars as pl

from ....domain.errors import DataError, NotFound
from .csv_text import read_csv
from .json_text import read_json
from .table import RawTable

_LFS = b"version https://git-lfs.github.com/spec/"
_AGAIN = "fetch or export it again"


def open_table(path: Path) -> RawTable:
    """Return the file's columns.

    Raises:
        NotFound: If there is no such file.
        DataError: If it is a Git LFS pointer, empty, damaged, or of no known kind.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no file {path}", mend="check the path") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    data = _unpack(path, data)
    if data.startswith(_LFS):
        raise DataError(
            f"{path}: this is a Git LFS pointer, not the data",
            mend="run `git lfs pull` in the repository that it comes from",
        )
    if not data.strip():
        raise DataError(f"{path} is empty", mend=_AGAIN)
    if data.startswith(b"PAR1"):
        return _frame(path, data, "Parquet")
    if data.startswith(b"ARROW1"):
        return _frame(path, data, "Feather")
    if data.startswith(b"FEA1"):
        raise DataError(f"{path} is Feather version 1", mend="save it as Feather 2 or Parquet")
    if b"\0" in data[:4096]:
        raise DataError(
            f"{path} is neither Parquet, Feather, CSV nor JSON", mend="convert it to one of them"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} is not UTF-8", mend="save it as UTF-8"
        ) from None
    if text.lstrip()[:1] in ("{", "["):
        return read_json(path, text)
    return read_csv(path, text)


def _unpack(path: Path, data: bytes) -> bytes:
    try:
        if data.startswith(b"\x1f\x8b"):
            return gzip.decompress(data)
        if data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    raise DataError(
                        f"{path} holds {len(names)} files", mend="unpack it and import the folder"
                    )
                return archive.read(names[0])
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is a damaged archive: {error}", mend=_AGAIN) from error
    return data


def _frame(path: Path, data: bytes, kind: str) -> RawTable:
    try:
        buffer = io.BytesIO(data)
        frame = pl.read_parquet(buffer) if kind == "Parquet" else pl.read_ipc(buffer)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is a damaged {kind} file: {reason}", mend=_AGAIN) from error
    columns = {name.strip().lower(): frame[name] for name in frame.columns}
    lines = np.arange(1, frame.height + 1, dtype=np.int64)
    return RawTable(path, columns, lines, word="row")
