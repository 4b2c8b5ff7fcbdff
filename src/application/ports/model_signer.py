"""Signing models, and knowing whose signatures count, as a port."""

from __future__ import annotations

from typing import Protocol

from ..learning.signature import Signature


class ModelSigner(Protocol):
    """Holds the workspace's key and the public keys of those that it trusts.

    Adapter: Ed25519 keys in a folder beside, never inside, that of the models.
    """

    def sign(self, manifest: bytes) -> Signature:
        """Sign a manifest's bytes with the workspace's own key, which is made at first use.

        Raises:
            ConfigError: If the key can be read by others, or is damaged.
            StorageError: If it cannot be read or made.
        """

    def verify(self, manifest: bytes, signature: Signature) -> None:
        """Refuse a signature that does not fit the bytes, or whose key is not trusted.

        Raises:
            ArtefactError: If so.
            ConfigError: If a trusted key is damaged.
        """
