"""The kill flag: a file that works when the database does not."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...application.ports.kill_switch import EVERY_ACCOUNT
from ...domain.errors import StorageError

_ODD = re.compile(r"[^A-Za-z0-9._-]")


class FileKillSwitch:
    """One file an account in a folder; implements ``KillSwitch`` for every process that sees it.

    Args:
        folder: Made when the first flag is set.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, account: str) -> Path:
        """Return the account's flag, set or not."""
        return self._folder / f"{_ODD.sub('_', account)}.kill"

    def reason(self, account: str) -> str | None:
        """Return why the account is killed, by its own flag or by that of all."""
        own = self._read(account)
        return self._read(EVERY_ACCOUNT) if own is None else own

    def _read(self, account: str) -> str | None:
        path = self.path(account)
        try:
            return path.read_text(encoding="utf-8").strip() or "killed"
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            return f"the kill flag {path} cannot be read: {error}"

    def set(self, account: str, reason: str) -> None:
        """Kill the account; a flag that is set keeps its first reason."""
        path = self.path(account)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(f"{reason}\n")
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return
        except OSError as error:
            if path.exists():
                # Even an empty flag kills.
                return
            raise StorageError(
                f"the kill flag {path} cannot be written: {error}",
                mend=f"stop the trader by hand, or: touch {path}",
            ) from error

    def clear(self, account: str) -> None:
        """Take the flag away."""
        try:
            self.path(account).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"the kill flag {self.path(account)} cannot be removed: {error}",
                mend="remove the file by hand",
            ) from error


class MemoryKillSwitch:
    """Flags of this process alone."""

    def __init__(self) -> None:
        self._flags: dict[str, str] = {}

    def reason(self, account: str) -> str | None:
        """Return why the account is killed, by its own flag or by that of all."""
        return self._flags.get(account, self._flags.get(EVERY_ACCOUNT))

    def set(self, account: str, reason: str) -> None:
        """Kill the account; a flag that is set keeps its first reason."""
        self._flags.setdefault(account, reason)

    def clear(self, account: str) -> None:
        """Take the flag away."""
        self._flags.pop(account, None)
