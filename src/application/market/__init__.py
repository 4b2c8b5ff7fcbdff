"""Bars of several assets on one grid, as arrays and as the records of the step."""

from .asset_bars import asset_bars, asset_terms
from .panel import Block, MarketPanel

__all__ = ["Block", "MarketPanel", "asset_bars", "asset_terms"]
