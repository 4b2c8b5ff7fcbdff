"""Where messages to people go."""

from .log import LogNotifier
from .memory import MemoryNotifier

__all__ = ["LogNotifier", "MemoryNotifier"]
