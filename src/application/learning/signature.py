"""Who vouches for a model's files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ...domain.errors import ArtefactError
from .strict import Fields, canonical

ALGORITHM = "ed25519"

_VERSION = 1
_KEY = re.compile(r"[0-9a-f]{64}")
_VALUE = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over a manifest's bytes, and through its hashes over every other file.

    Attributes:
        key: The signer's public key, 64 hexadecimal digits.
        value: The signature, 128 hexadecimal digits.
    """

    key: str
    value: str

    def __post_init__(self) -> None:
        if _KEY.fullmatch(self.key) is None or _VALUE.fullmatch(self.value) is None:
            raise ArtefactError("the signature is not 64 and 128 hexadecimal digits")

    def to_json(self) -> bytes:
        """Return the text of ``signature.json``."""
        body = {
            "version": _VERSION,
            "algorithm": ALGORITHM,
            "key": self.key,
            "signature": self.value,
        }
        return canonical(body) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Signature:
        """Read :meth:`to_json`'s result.

        Raises:
            ArtefactError: If a key is unknown, missing, doubled or of a wrong type, or the version
                or the algorithm is another.
        """
        values = Fields.parse(data, "signature")
        version, algorithm = values.take("version", int), values.take("algorithm", str)
        if (version, algorithm) != (_VERSION, ALGORITHM):
            raise ArtefactError(
                f"signature version {version} by {algorithm!r} is not {_VERSION} by {ALGORITHM!r}"
            )
        made = cls(values.take("key", str), values.take("signature", str))
        values.finish()
        return made


def signed_message(manifest: bytes) -> bytes:
    """Return what is signed: a text that nothing but a mettle model has, and the file's hash.

    The manifest holds the name, so that one model's signature says nothing of another.
    """
    return b"mettle model manifest, version 1\0" + hashlib.sha256(manifest).digest()
