"""Models as folders: ``<root>/<name>/{manifest.json, weights.safetensors, signature.json}``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ....application.learning.artefact import PolicyArtefact, PolicyManifest, check_name
from ....application.ports.model_signer import ModelSigner
from ....domain.errors import InvalidValue, NotFound
from ..folders import (
    locked,
    read_folder,
    recover_folder,
    storage_error,
    sync_folder,
    write_folder,
)
from .codec import LIMITS, MANIFEST, SIGNATURE, decode, encode


class FolderArtefactStore:
    """Keeps each policy in a folder of its own under ``root``, which need not exist yet.

    Args:
        root: Of the models.
        signer: Signs what is saved and knows whose signatures count. Without one nothing is signed
            and no signature is asked for: for scratch stores only.
    """

    def __init__(self, root: Path, signer: ModelSigner | None = None) -> None:
        self._root = root
        self._signer = signer

    def path(self, name: str) -> Path:
        """Return the folder of ``name``, whether or not it exists."""
        return self._root / check_name(name)

    def save(self, artefact: PolicyArtefact, *, replace: bool = False) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        manifest, files = encode(artefact, self._signer)
        self._write(manifest.name, files, replace=replace)
        return manifest

    def load(self, name: str, *, digest: str | None = None) -> PolicyArtefact:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return decode(self._read(name), name, self._signer, digest=digest)

    def list(self) -> Sequence[PolicyManifest]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return [self.verify(name) for name in self.names()]

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

    def export(self, name: str) -> Mapping[str, bytes]:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        files = self._read(name)
        decode(files, name, self._signer)
        return files

    def adopt(
        self, name: str, files: Mapping[str, bytes], *, trust: bool = False, replace: bool = False
    ) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        kept, manifest = adopted(name, files, self._signer, trust=trust)
        self._write(name, kept, replace=replace)
        return manifest

    def trust(self, name: str) -> PolicyManifest:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        return self.adopt(name, self._read(name), trust=True, replace=True)

    def remove(self, name: str, *, digest: str) -> None:
        """See :class:`~mettle.application.ports.artefact_store.ArtefactStore`."""
        with locked(self._root):
            path = self._recovered(name)
            self.load(name, digest=digest)
            aside = path.with_name(f".{name}.removed.tmp")
            try:
                if aside.exists():  # left by a removal that was killed
                    shutil.rmtree(aside)
                # Out of sight in one step: no half of a model is ever seen.
                path.rename(aside)
                sync_folder(self._root)
                shutil.rmtree(aside)
            except OSError as error:
                raise storage_error(path, error) from error

    def _write(self, name: str, files: Mapping[str, bytes], *, replace: bool) -> None:
        with locked(self._root):
            path = self._recovered(name)
            if path.exists() and not replace:
                raise InvalidValue(
                    f"there is a model {name!r} already", mend="choose another name, or replace it"
                )
            write_folder(path, files)

    def _recovered(self, name: str) -> Path:
        path = self.path(name)
        try:
            recover_folder(path)
        except OSError as error:
            raise storage_error(path, error) from error
        return path

    def _read(self, name: str) -> dict[str, bytes]:
        path = self.path(name)
        if not path.exists() and name in self.names():
            with locked(self._root):
                self._recovered(name)
        try:
            return read_folder(path, LIMITS)
        except NotFound:
            pass  # never there, or replaced while it was read
        try:
            return read_folder(path, LIMITS)
        except NotFound:
            held = ", ".join(self.names()) or "none yet"
            raise NotFound(
                f"there is no model {name!r}, held: {held}", mend="see `mettle models list`"
            ) from None


def adopted(
    name: str, files: Mapping[str, bytes], signer: ModelSigner | None, *, trust: bool
) -> tuple[dict[str, bytes], PolicyManifest]:
    """Return what is kept of files that were made elsewhere, and their manifest.

    Raises:
        ArtefactError: If they are damaged, or signed by nobody trusted and ``trust`` is not set.
    """
    manifest = decode(files, name, None if trust else signer).manifest
    kept = dict(files)
    if signer is not None and trust:
        kept[SIGNATURE] = signer.sign(files[MANIFEST]).to_json()
    return kept, manifest
