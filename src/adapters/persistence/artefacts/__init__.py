"""Finished models: folders of safetensors and JSON, or memory for tests."""

from .folder import FolderArtefactStore
from .keys import Ed25519Keys
from .memory import MemoryArtefactStore

__all__ = ["Ed25519Keys", "FolderArtefactStore", "MemoryArtefactStore"]
