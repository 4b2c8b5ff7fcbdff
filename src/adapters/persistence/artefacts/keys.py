"""Ed25519 keys in a folder: one to sign with, and those whose signatures count."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ....application.learning.signature import Signature, signed_message
from ....domain.errors import ArtefactError, ConfigError, NotFound
from ..folders import locked, read_regular, storage_error, sync_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE = "signing.key"
PUBLIC = "signing.pub"
TRUSTED = "trusted"

_HEX = re.compile(r"[0-9a-f]{64}")
_LIMIT = 1_000


class Ed25519Keys:
    """Signs with ``signing.key``; verifies against ``signing.pub`` and ``trusted/*.pub``.

    Each file is one line of 64 hexadecimal digits. Only the first is a secret; whoever has it can
    make this workspace believe any model.

    Args:
        folder: Of the keys; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the keys are."""
        return self._folder

    def make(self) -> str:
        """Make the key unless there is one, and return the public one.

        Raises:
            StorageError: If the folder cannot be written.
        """
        self._private()
        return self.public()

    def check(self) -> None:
        """Refuse a private key that others can read or that is damaged; to have none is fine.

        Raises:
            ConfigError: If so.
        """
        if (self._folder / PRIVATE).exists():
            self._private()

    def public(self) -> str:
        """Return the workspace's own public key; NotFound if none was made yet."""
        return self._read(self._folder, PUBLIC)

    def trusted(self) -> dict[str, str]:
        """Return what trusted keys are called, by key: ``own``, or the file's name."""
        found: dict[str, str] = {}
        folder = self._folder / TRUSTED
        try:
            names = sorted(one.name for one in folder.iterdir() if one.suffix == ".pub")
        except FileNotFoundError:
            names = []
        for name in names:
            found[self._read(folder, name)] = name.removesuffix(".pub")
        with suppress(NotFound):
            found[self.public()] = "own"
        return found

    def trust(self, key: str, name: str) -> Path:
        """Let another workspace's signatures count from now on.

        Args:
            key: Its public key.
            name: What to call it, a plain file name.

        Raises:
            ConfigError: If it is no key, or the name is taken by another one.
        """
        if _HEX.fullmatch(key) is None:
            raise ConfigError(f"{key!r} is no public key", mend="give the text of a signing.pub")
        path = self._folder / TRUSTED / f"{name}.pub"
        known = {called: held for held, called in self.trusted().items()}
        if known.get(name, key) != key:
            raise ConfigError(f"another key is called {name!r} already", mend="choose another name")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(key + "\n", encoding="ascii")
        except OSError as error:
            raise storage_error(path, error) from error
        return path

    def sign(self, manifest: bytes) -> Signature:
        """See :class:`~mettle.application.ports.model_signer.ModelSigner`."""
        key = self._private()
        value = key.sign(signed_message(manifest)).hex()
        return Signature(key.public_key().public_bytes_raw().hex(), value)

    def verify(self, manifest: bytes, signature: Signature) -> None:
        """See :class:`~mettle.application.ports.model_signer.ModelSigner`."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - 30 ms of import
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        if not any(hmac.compare_digest(signature.key, one) for one in self.trusted()):
            raise ArtefactError(
                f"it is signed with a key that is not trusted here, {signature.key[:16]}…",
                mend="trust that key, or that model, with `mettle models trust`",
            )
        key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.key))
        try:
            key.verify(bytes.fromhex(signature.value), signed_message(manifest))
        except InvalidSignature:
            raise ArtefactError(
                "its signature is not that of this manifest",
                mend="restore the files, or train again",
            ) from None

    def _private(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        path = self._folder / PRIVATE
        if not path.exists():
            self._make()
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise storage_error(path, error) from error
        if others := mode & 0o077:
            raise ConfigError(
                f"{path} can be read by others (mode lets {others:03o} through)",
                mend=f"chmod 600 {path}; if someone may have read it, delete it, trust anew",
            )
        raw = bytes.fromhex(self._read(self._folder, PRIVATE))
        return ed25519.Ed25519PrivateKey.from_private_bytes(raw)

    def _make(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        with locked(self._folder):
            if (self._folder / PRIVATE).exists():  # another process was quicker
                return
            raw = secrets.token_bytes(32)
            key = ed25519.Ed25519PrivateKey.from_private_bytes(raw)
            try:
                self._folder.chmod(0o700)
                # Workspaces made before there were keys have a .gitignore without them.
                (self._folder / ".gitignore").write_text("*\n", encoding="ascii")
            except OSError as error:
                raise storage_error(self._folder, error) from error
            # The public one first: a private key without it would never be made whole.
            self._write(PUBLIC, key.public_key().public_bytes_raw().hex(), 0o644)
            self._write(PRIVATE, raw.hex(), 0o600)

    def _write(self, name: str, text: str, mode: int) -> None:
        path = self._folder / name
        draft = self._folder / f".{name}.tmp"
        try:
            draft.unlink(missing_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(handle)
            draft.rename(path)
            sync_folder(self._folder)
        except OSError as error:
            raise storage_error(path, error) from error

    @staticmethod
    def _read(folder: Path, name: str) -> str:
        text = read_regular(folder, name, _LIMIT).decode("ascii", "replace").strip()
        if _HEX.fullmatch(text) is None:
            # Its text is not shown: it may be a secret.
            raise ConfigError(
                f"{folder / name} is not one line of 64 hexadecimal digits",
                mend="restore it from a backup",
            )
        return text
