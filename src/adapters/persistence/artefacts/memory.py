"""Models in memory, as the bytes that a folder would hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....application.learning.artefact import PolicyArtefact, PolicyManifest, check_name
from ....application.ports.model_signer import ModelSigner
from ....domain.errors import InvalidValue, NotFound
from .codec import decode, encode
from .folder import adopted


class MemoryArtefactStore:
    """Keeps policies for the life of the process; what it loads passes the same checks.

    Args:
        signer: As for :class:`~.folder.FolderArtefactStore`.
    """

    def __init__(self, signer: ModelSigner | None = None) -> None:
        self._models: dict[str, dict[str, bytes]] = {}
        self._signer = signer

    def save(self, artefact: PolicyArtefact, *, replace: bool = False) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        manifest, files = encode(artefact, self._signer)
        self._write(manifest.name, files, replace=replace)
        return manifest

    def load(self, name: str, *, digest: str | None = None) -> PolicyArtefact:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return decode(self._files(name), name, self._signer, digest=digest)

    def list(self) -> Sequence[PolicyManifest]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return [self.verify(name) for name in self.names()]

    def names(self) -> Sequence[str]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return sorted(self._models)

    def verify(self, name: str) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return self.load(name).manifest

    def export(self, name: str) -> Mapping[str, bytes]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        self.load(name)
        return dict(self._files(name))

    def adopt(
        self, name: str, files: Mapping[str, bytes], *, trust: bool = False, replace: bool = False
    ) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        kept, manifest = adopted(check_name(name), files, self._signer, trust=trust)
        self._write(name, kept, replace=replace)
        return manifest

    def trust(self, name: str) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return self.adopt(name, self._files(name), trust=True, replace=True)

    def remove(self, name: str, *, digest: str) -> None:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        self.load(name, digest=digest)
        del self._models[name]

    def _write(self, name: str, files: dict[str, bytes], *, replace: bool) -> None:
        if name in self._models and not replace:
            raise InvalidValue(
                f"there is a model {name!r} already", mend="choose another name, or replace it"
            )
        self._models[name] = files

    def _files(self, name: str) -> dict[str, bytes]:
        files = self._models.get(check_name(name))
        if files is None:
            held = ", ".join(self.names()) or "none yet"
            raise NotFound(
                f"there is no model {name!r}, held: {held}", mend="see `mettle models list`"
            )
        return files
