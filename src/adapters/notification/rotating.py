"""A log file that never grows without end, shared by several processes."""

from __future__ import annotations

import fcntl
import io
import os
from pathlib import Path


class RotatingFile(io.TextIOBase):
    """Appends whole lines; when the file is full it becomes ``NAME.1``, and so on.

    Nothing is open between two lines, so that whoever moves or removes the file does no harm, and a
    lock beside it lets several processes rotate it one after the other. Only its owner may read it.

    Args:
        path: Made with its folder when the first line comes.
        largest: Bytes; a line that would go beyond begins a new file.
        keep: How many full files stay.
    """

    def __init__(self, path: Path, *, largest: int = 10_000_000, keep: int = 5) -> None:
        super().__init__()
        self._path = path
        self._largest = max(1, largest)
        self._keep = max(0, keep)
        self._line = ""

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, text: str, /) -> int:
        """Take text; it is on the disk once its line has ended.

        Raises:
            OSError: If it cannot be written; the line is lost.
        """
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._append(f"{line}\n".encode())
        return len(text)

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._named("lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._size() and self._size() + len(line) > self._largest:
                self._rotate()
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
            with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
                file.write(line)
        finally:
            os.close(lock)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            younger = self._path if number == 1 else self._named(str(number - 1))
            if younger.exists():
                younger.replace(self._named(str(number)))
        if not self._keep:
            self._path.unlink(missing_ok=True)

    def _named(self, end: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{end}")
