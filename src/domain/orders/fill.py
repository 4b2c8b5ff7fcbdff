"""One immutable execution."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidValue
from ..market import Liquidity, Symbol
from ..money import Money, Price, Quantity
from .side import Side


@dataclass(frozen=True, slots=True)
class Fill:
    """What a venue says that it executed.

    Attributes:
        trade_id: The venue's id; one id is applied exactly once.
        client_order_id: Ours.
        fee: Paid if positive, a rebate if negative; in quote, base or a third asset.
        occurred_at: When the venue executed it, Unix milliseconds UTC.
    """

    trade_id: str
    client_order_id: str
    symbol: Symbol
    side: Side
    quantity: Quantity
    price: Price
    fee: Money
    liquidity: Liquidity
    occurred_at: int

    def __post_init__(self) -> None:
        if not self.quantity:
            raise InvalidValue(f"fill {self.trade_id}: quantity must be positive, was 0")

    @property
    def notional(self) -> Money:
        """Quantity × price in the quote currency."""
        return self.price.times(self.quantity, self.symbol.quote)
