"""Requests to trade and what became of them."""

from .fill import Fill
from .side import Side

__all__ = ["Fill", "Side"]
