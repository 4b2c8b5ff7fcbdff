"""What a venue's entry tier charges, for candles that come without fees (as of 2026-11)."""

from __future__ import annotations

from ...domain.market import FeeSchedule, Symbol

_SPOT_PPM = {
    "coinbase": (6000, 12000),
    "alpaca": (1500, 2500),
    "binance": (1000, 1000),
}
_PERPETUAL_PPM = {"binance-usdm": (200, 500), "binance": (200, 500)}
_UNKNOWN_PPM = (1000, 1000)


def default_fees(venue: str, symbol: Symbol) -> FeeSchedule:
    """Return the entry tier of ``venue``; 0.10 % each way where it is not known."""
    table = _PERPETUAL_PPM if symbol.is_perpetual else _SPOT_PPM
    return FeeSchedule.flat(*table.get(venue, _UNKNOWN_PPM))
