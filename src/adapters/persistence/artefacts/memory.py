"""Models in memory, as the bytes that a folder would hold."""

from __future__ import annotations

from collections.abc import Sequence

from ....application.learning.artefact import PolicyArtefact, PolicyManifest, check_name
from ....domain.errors import InvalidValue, NotFound
from .codec import MANIFEST, WEIGHTS, decode, decode_manifest, encode


class MemoryArtefactStore:
    """Keeps policies for the life of the process; what it loads passes the same checks."""

    def __init__(self) -> None:
        self._models: dict[str, dict[str, bytes]] = {}

    def save(self, artefact: PolicyArtefact, *, replace: bool = False) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        name = artefact.manifest.name
        if name in self._models and not replace:
            raise InvalidValue(
                f"there is a model {name!r} already", mend="choose another name, or replace it"
            )
        manifest, self._models[name] = encode(artefact)
        return manifest

    def load(self, name: str, *, digest: str | None = None) -> PolicyArtefact:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        files = self._files(name)
        return decode(decode_manifest(files[MANIFEST], name, digest), files[WEIGHTS])

    def list(self) -> Sequence[PolicyManifest]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return [decode_manifest(self._models[name][MANIFEST], name) for name in self.names()]

    def names(self) -> Sequence[str]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return sorted(self._models)

    def verify(self, name: str) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return self.load(name).manifest

    def _files(self, name: str) -> dict[str, bytes]:
        files = self._models.get(check_name(name))
        if files is None:
            held = ", ".join(self.names()) or "none yet"
            raise NotFound(
                f"there is no model {name!r}, held: {held}", mend="see `mettle models list`"
            )
        return files
