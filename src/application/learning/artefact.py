"""A policy with everything that it needs to decide, as plain arrays and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.errors import ArtefactError
from .manifest import FileRecord, InstrumentTerms, PolicyManifest, check_name
from .policy import DenseLayer, Network

__all__ = [
    "DenseLayer",
    "FileRecord",
    "InstrumentTerms",
    "Network",
    "PolicyArtefact",
    "PolicyManifest",
    "check_name",
]


@dataclass(frozen=True, slots=True, eq=False)
class PolicyArtefact:
    """A manifest and the network that it describes."""

    manifest: PolicyManifest
    network: Network

    def __post_init__(self) -> None:
        stated = (self.manifest.sizes, self.manifest.activation)
        if stated != (self.network.sizes, self.network.activation):
            raise ArtefactError(
                f"model {self.manifest.name}: the manifest states a network of {stated}, the "
                f"weights are {(self.network.sizes, self.network.activation)}"
            )
