"""The candle lake: Parquet files, or memory for tests and short runs."""

from .memory import MemoryBarStore
from .parquet import ParquetBarStore

__all__ = ["MemoryBarStore", "ParquetBarStore"]
