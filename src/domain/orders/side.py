"""Buy or sell."""

from __future__ import annotations

from enum import Enum


class Side(Enum):
    """The direction of an order or a fill; it carries the sign that quantities lack."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY
