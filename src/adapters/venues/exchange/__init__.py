"""A simulated exchange: the truth, a network to it, and everything that can go wrong on the way."""

from .accounts import Account
from .exchange import SimulatedExchange
from .faults import CATALOGUE, Fault, FaultPlan, Faults, Site, Strike
from .feed import FaultyFeed
from .network import Latency
from .path import BarPath, Path, RecordedPath, Tick
from .records import NewOrder, Order, Trade
from .rules import ExchangeRules, FeeMode, Filters, PostOnlyShape
from .venue import ExchangeVenue

__all__ = [
    "CATALOGUE",
    "Account",
    "BarPath",
    "ExchangeRules",
    "ExchangeVenue",
    "Fault",
    "FaultPlan",
    "Faults",
    "FaultyFeed",
    "FeeMode",
    "Filters",
    "Latency",
    "NewOrder",
    "Order",
    "Path",
    "PostOnlyShape",
    "RecordedPath",
    "SimulatedExchange",
    "Site",
    "Strike",
    "Tick",
    "Trade",
]
