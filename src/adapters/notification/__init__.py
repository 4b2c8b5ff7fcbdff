"""Where messages to people go."""

from .log import LogNotifier
from .memory import MemoryNotifier
from .rotating import RotatingFile

__all__ = ["LogNotifier", "MemoryNotifier", "RotatingFile"]
