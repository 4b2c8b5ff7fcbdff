"""What trades, and what was seen of it: Symbol, Instrument, Timeframe, Bar, fees."""

from .bar import Bar, BarState
from .fees import RATE_SCALE, FeeSchedule, FeeTier, Liquidity
from .instrument import CASH_SCALE, Instrument, InstrumentKind
from .symbol import Symbol
from .timeframe import Timeframe

__all__ = [
    "CASH_SCALE",
    "RATE_SCALE",
    "Bar",
    "BarState",
    "FeeSchedule",
    "FeeTier",
    "Instrument",
    "InstrumentKind",
    "Liquidity",
    "Symbol",
    "Timeframe",
]
