"""The simulated venue: the market step of docs/concepts/market-step.md behind the venue port."""

from .market import ReplayMarket
from .venue import SimulatedVenue

__all__ = ["ReplayMarket", "SimulatedVenue"]
