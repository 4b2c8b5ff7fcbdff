"""What the risk engine looks at: one account at one moment, all in whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..market import Symbol


@dataclass(frozen=True, slots=True)
class AssetExposure:
    """One asset.

    Attributes:
        lots: Held, signed.
        buying, selling: Lots that orders which may be live could still fill, UNKNOWN ones in full.
        mark: Ticks.
        unit_value: Value of one lot at one tick, 1e-8 of the quote currency.
        foreign: Lots held or ordered by somebody else on the account, worst case; counted, never
            traded.
    """

    symbol: Symbol
    lots: int
    buying: int
    selling: int
    mark: int
    unit_value: int
    min_notional: int = 0
    foreign: int = 0

    def worst(self, change: int = 0) -> int:
        """Return the largest |lots| that may result if ``change`` lots are ordered too."""
        up = self.lots + self.buying + max(change, 0)
        down = self.lots - self.selling + min(change, 0)
        return max(abs(up), abs(down)) + self.foreign

    def value(self, lots: int) -> int:
        """Return |lots| at the mark, 1e-8 of the quote currency."""
        return abs(lots) * self.mark * self.unit_value


@dataclass(frozen=True, slots=True)
class Exposure:
    """The account.

    Attributes:
        equity: Marked to market, 1e-8 of the quote currency.
        free_cash: Cash that no order locks, 1e-8; may be negative on margin.
        maintenance: Maintenance margin needed, 1e-8; 0 on a cash account.
    """

    account: str
    equity: int
    free_cash: int
    assets: Mapping[Symbol, AssetExposure]
    maintenance: int = 0

    def gross(self) -> int:
        """Return Σ worst |value|, 1e-8 of the quote currency."""
        return sum(one.value(one.worst()) for one in self.assets.values())
