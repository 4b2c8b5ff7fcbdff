"""The kill flag: a file that works when the database does not."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from urllib.parse import quote

from ...application.ports.kill_switch import EVERY_ACCOUNT
from ...domain.errors import StorageError


class FileKillSwitch:
    """One file an account in a folder; implements ``KillSwitch`` for every process that sees it.

    The file's being there is the flag, so one without content, of another owner or pointing
    nowhere kills too.

    Args:
        folder: Made when the first flag is set.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}

    def path(self, account: str) -> Path:
        """Return the account's flag, set or not; no two accounts share one."""
        return Path(self._name(account))

    def _name(self, account: str) -> str:
        found = self._names.get(account)
        if found is None:
            found = f"{self._folder}{os.sep}{quote(account, safe='')}.kill"
            self._names[account] = found
        return found

    def reason(self, account: str) -> str | None:
        """Return why the account is killed, by its own flag or by that of all."""
        own = self._read(account)
        return self._read(EVERY_ACCOUNT) if own is None else own

    def _read(self, account: str) -> str | None:
        name = self._name(account)
        try:
            # Asked before every order, and nearly always nothing is there: one call tells.
            os.lstat(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"the kill flag {name} cannot be read: {error}"
        path = Path(name)
        try:
            return path.read_text(encoding="utf-8").strip() or "killed"
        except FileNotFoundError:
            return f"the kill flag {path} points nowhere" if path.is_symlink() else None
        except (OSError, UnicodeDecodeError) as error:
            return f"the kill flag {path} cannot be read: {error}"

    def set(self, account: str, reason: str) -> None:
        """Kill the account; a flag that is set keeps its first reason."""
        path = self.path(account)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(f"{reason}\n")
                file.flush()
                os.fsync(file.fileno())
            self._sync()
        except FileExistsError as error:
            if not os.path.lexists(path):
                raise self._unwritten(path, error) from error
        except OSError as error:
            # A full disk may have left the flag without its reason: it kills all the same.
            if not os.path.lexists(path):
                raise self._unwritten(path, error) from error

    def clear(self, account: str) -> None:
        """Take the flag away.

        Raises:
            StorageError: If it cannot be removed.
        """
        path = self.path(account)
        try:
            path.unlink()
            self._sync()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(
                f"the kill flag {path} cannot be removed: {error}", mend="remove the file by hand"
            ) from error

    def _sync(self) -> None:
        """Make the folder's entries survive a power cut."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @staticmethod
    def _unwritten(path: Path, error: OSError) -> StorageError:
        return StorageError(
            f"the kill flag {path} cannot be written: {error}",
            mend=f"stop the trader by hand, or: touch {path}",
        )


class MemoryKillSwitch:
    """Flags of this process alone."""

    def __init__(self) -> None:
        self._flags: dict[str, str] = {}
        self._lock = threading.Lock()

    def reason(self, account: str) -> str | None:
        """Return why the account is killed, by its own flag or by that of all."""
        return self._flags.get(account, self._flags.get(EVERY_ACCOUNT))

    def set(self, account: str, reason: str) -> None:
        """Kill the account; a flag that is set keeps its first reason."""
        with self._lock:
            self._flags.setdefault(account, reason.strip() or "killed")

    def clear(self, account: str) -> None:
        """Take the flag away."""
        with self._lock:
            self._flags.pop(account, None)
