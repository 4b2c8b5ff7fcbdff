"""The simulated venue: the market step of docs/concepts/market-step.md behind the venue port."""

from .venue import SimulatedVenue

__all__ = ["SimulatedVenue"]
