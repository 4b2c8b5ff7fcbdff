"""Models as folders: ``<root>/<name>/{manifest.json, weights.safetensors}``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....application.learning.artefact import PolicyArtefact, PolicyManifest, check_name
from ....domain.errors import ArtefactError, InvalidValue, NotFound
from ..folders import locked, read_regular, recover_folder, storage_error, write_folder
from .codec import (
    MANIFEST,
    MANIFEST_LIMIT,
    WEIGHTS,
    WEIGHTS_LIMIT,
    decode,
    decode_manifest,
    encode,
)

_AGAIN = "restore the file, or train again"


class FolderArtefactStore:
    """Keeps each policy in a folder of its own under ``root``, which need not exist yet."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, name: str) -> Path:
        """Return the folder of ``name``, whether or not it exists."""
        return self._root / check_name(name)

    def save(self, artefact: PolicyArtefact, *, replace: bool = False) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        name = artefact.manifest.name
        manifest, files = encode(artefact)
        with locked(self._root):
            path = self._recovered(name)
            if path.exists() and not replace:
                raise InvalidValue(
                    f"there is a model {name!r} already", mend="choose another name, or replace it"
                )
            write_folder(path, files)
        return manifest

    def load(self, name: str, *, digest: str | None = None) -> PolicyArtefact:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        manifest = self._manifest(name, digest)
        try:
            weights = read_regular(self.path(name), WEIGHTS, WEIGHTS_LIMIT)
        except NotFound as error:
            raise ArtefactError(f"model {name}: {WEIGHTS} is missing", mend=_AGAIN) from error
        return decode(manifest, weights)

    def list(self) -> Sequence[PolicyManifest]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return [self._manifest(name) for name in self.names()]

    def names(self) -> Sequence[str]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        try:
            entries = [one.name for one in self._root.iterdir() if one.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(self._root, error) from error
        # A replacement cut by a crash has left its model aside.
        aside = [one[1:-9] for one in entries if one.startswith(".") and one.endswith(".replaced")]
        return sorted({one for one in entries if not one.startswith(".")} | set(aside))

    def verify(self, name: str) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return self.load(name).manifest

    def _recovered(self, name: str) -> Path:
        path = self.path(name)
        try:
            recover_folder(path)
        except OSError as error:
            raise storage_error(path, error) from error
        return path

    def _manifest(self, name: str, digest: str | None = None) -> PolicyManifest:
        path = self.path(name)
        if not path.exists() and name in self.names():
            with locked(self._root):
                self._recovered(name)
        if not path.is_dir():
            held = ", ".join(self.names()) or "none yet"
            raise NotFound(
                f"there is no model {name!r}, held: {held}", mend="see `mettle models list`"
            )
        try:
            data = read_regular(path, MANIFEST, MANIFEST_LIMIT)
        except NotFound as error:
            raise ArtefactError(f"model {name}: {MANIFEST} is missing", mend=_AGAIN) from error
        return decode_manifest(data, name, digest)
