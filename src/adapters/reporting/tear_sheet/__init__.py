"""The single-file HTML tear sheet of a backtest."""

from .writer import TearSheetWriter

__all__ = ["TearSheetWriter"]
