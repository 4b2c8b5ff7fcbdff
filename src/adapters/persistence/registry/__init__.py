"""The model registry: one set of rules over rows in memory or in a database."""

from .memory import MemoryModelRegistry
from .ruled import RuledModelRegistry

__all__ = ["MemoryModelRegistry", "RuledModelRegistry"]
