"""Use case: what models there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.errors import ArtefactError
from ..ports.artefact_store import ArtefactStore
from .manifest import PolicyManifest


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One line of the list.

    Attributes:
        manifest: None where the model is damaged.
        problem: What is wrong with a damaged one, else empty.
    """

    name: str
    manifest: PolicyManifest | None
    problem: str = ""


class Models:
    """Lists and shows the models that a store keeps."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def list(self) -> Sequence[ModelLine]:
        """Return every model, oldest first; a damaged one is listed with its problem, at the end.

        Weights are verified too: what the list shows as sound can be loaded.
        """
        lines = [self._line(name) for name in self._store.names()]
        return sorted(
            lines,
            key=lambda one: (
                one.manifest is None,
                one.manifest.created_at if one.manifest else 0,
                one.name,
            ),
        )

    def show(self, name: str) -> PolicyManifest:
        """Return one model's manifest after verifying all its files.

        Raises:
            NotFound: If there is none of that name.
            ArtefactError: If a file is damaged or was changed.
        """
        return self._store.verify(name)

    def _line(self, name: str) -> ModelLine:
        try:
            return ModelLine(name, self._store.verify(name))
        except ArtefactError as error:
            return ModelLine(name, None, error.message)
