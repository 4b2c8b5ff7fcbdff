"""Finished models: folders of safetensors and JSON, or memory for tests."""

from .folder import FolderArtefactStore
from .memory import MemoryArtefactStore

__all__ = ["FolderArtefactStore", "MemoryArtefactStore"]
