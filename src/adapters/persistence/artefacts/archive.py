"""A model as one file that travels: a zip without compression of exactly its files."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping

from ....domain.errors import ArtefactError
from .codec import LIMITS, MANIFEST

_STAMP = (1980, 1, 1, 0, 0, 0)  # the same model is the same file, whenever it is written

ZIP_ERRORS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, OSError,
    EOFError, RuntimeError, ValueError, LookupError, OverflowError,
)  # fmt: skip
"""What reading a broken zip can end in: the library checks little before it seeks and unpacks."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a model's files as one."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(files):
            file.writestr(zipfile.ZipInfo(name, _STAMP), files[name])
    return whole.getvalue()


def is_packed(data: bytes) -> bool:
    """Return whether a file may be such a one, and not one of another program."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return MANIFEST in file.namelist()
    except ZIP_ERRORS:
        return False


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of a packed model; what they hold is not looked at.

    Raises:
        ArtefactError: If it holds anything else, or anything compressed, twice or too large.
    """
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            for one in file.infolist():
                limit = LIMITS.get(one.filename)
                if limit is None or one.filename in files:
                    raise ArtefactError(f"it holds {one.filename[:80]!r}, which no model has")
                if one.compress_type != zipfile.ZIP_STORED or one.file_size > limit:
                    raise ArtefactError(f"its {one.filename} is compressed or too large")
                with file.open(one) as part:
                    files[one.filename] = part.read(limit + 1)
    except ZIP_ERRORS as error:
        raise ArtefactError(f"it is no whole file of a model: {error}") from error
    return files
