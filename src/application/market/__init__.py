"""Bars of several assets on one grid, as arrays."""

from .panel import Block, MarketPanel

__all__ = ["Block", "MarketPanel"]
