"""How much a decision may be believed."""

from .agreement import SINGLE, agreement

__all__ = ["SINGLE", "agreement"]
