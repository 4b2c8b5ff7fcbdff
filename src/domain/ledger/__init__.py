"""What is owned and owed: append-only books, positions from fills, the equity identity."""

from .entry import (
    CAPITAL,
    CONTRACTS,
    CONVERSION,
    EXTERNAL,
    FEES,
    FUNDING,
    REALISED,
    SUSPENSE,
    WALLET,
    Entry,
    EntryKind,
    Posting,
)
from .events import (
    deposit,
    external,
    fill_id,
    funding,
    home,
    perpetual_fill,
    spot_fill,
    suspense,
    withdrawal,
)
from .ledger import Ledger
from .portfolio import Portfolio
from .position import Position, released_basis

__all__ = [
    "CAPITAL",
    "CONTRACTS",
    "CONVERSION",
    "EXTERNAL",
    "FEES",
    "FUNDING",
    "REALISED",
    "SUSPENSE",
    "WALLET",
    "Entry",
    "EntryKind",
    "Ledger",
    "Portfolio",
    "Position",
    "Posting",
    "deposit",
    "external",
    "fill_id",
    "funding",
    "home",
    "perpetual_fill",
    "released_basis",
    "spot_fill",
    "suspense",
    "withdrawal",
]
