"""Where finished models are kept, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..learning.artefact import PolicyArtefact
from ..learning.manifest import PolicyManifest


class ArtefactStore(Protocol):
    """Keeps policies by name, each with a manifest that hashes every other file.

    What is loaded was verified over the very bytes that are parsed; nothing that a file holds is
    executed. Saving is atomic: after a crash or a full disk the previous content is still there.
    One writer at a time. Adapters: folder, memory.
    """

    def save(self, artefact: PolicyArtefact, *, replace: bool = False) -> PolicyManifest:
        """Keep a policy and return its manifest with the files' hashes.

        Raises:
            InvalidValue: If the name is taken and ``replace`` is not set.
            StorageError: If the disk cannot take it.
        """

    def load(self, name: str, *, digest: str | None = None) -> PolicyArtefact:
        """Return a policy.

        Args:
            digest: The manifest's digest that it must have, where the caller recorded one.

        Raises:
            NotFound: If there is none of that name.
            ArtefactError: If a file is damaged, was changed, or is of another format.
        """

    def list(self) -> Sequence[PolicyManifest]:
        """Return the manifests of all policies by name.

        Raises:
            ArtefactError: If one is damaged.
        """

    def names(self) -> Sequence[str]:
        """Return the names held, in order, without reading the models."""

    def verify(self, name: str) -> PolicyManifest:
        """Read a policy as :meth:`load` does and return its manifest.

        Raises:
            NotFound: If there is none of that name.
            ArtefactError: If a file is damaged, was changed, or is of another format.
        """
