"""Where finished models are kept, as a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..learning.artefact import PolicyArtefact
from ..learning.manifest import PolicyManifest


class ArtefactStore(Protocol):
    """Keeps policies by name, each with a manifest that hashes every other file.

    What is loaded was verified over the very bytes that are parsed, its signature before anything
    else; nothing that a file holds is executed. Saving is atomic: after a crash or a full disk the
    previous content is still there. One writer at a time. Adapters: folder, memory.
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
            ArtefactError: If a file is damaged, was changed, is of another format, or is signed by
                nobody who is trusted.
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

    def export(self, name: str) -> Mapping[str, bytes]:
        """Return a model's files after verifying them, signature included.

        Raises:
            NotFound, ArtefactError: As :meth:`load` does.
        """

    def adopt(
        self, name: str, files: Mapping[str, bytes], *, trust: bool = False, replace: bool = False
    ) -> PolicyManifest:
        """Keep the files of a model that was made elsewhere.

        Args:
            trust: Sign them as ours, whoever signed them before; every other check is made. The
                caller records who vouched for them.

        Raises:
            ArtefactError: If they are damaged, or signed by nobody who is trusted.
            InvalidValue: If the name is taken and ``replace`` is not set.
            StorageError: If the disk cannot take it.
        """

    def trust(self, name: str) -> PolicyManifest:
        """Sign a model that is here already, as :meth:`adopt` does."""

    def remove(self, name: str, *, digest: str) -> None:
        """Remove a model.

        Args:
            digest: Its manifest's; another model that took the name meanwhile stays.

        Raises:
            NotFound: If there is none of that name.
            ArtefactError: If it is another one, or damaged.
            StorageError: If it cannot be removed.
        """
