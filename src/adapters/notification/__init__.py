"""Where messages to people go."""

from .memory import MemoryNotifier

__all__ = ["MemoryNotifier"]
