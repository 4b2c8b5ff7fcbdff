"""Candles out of the files that people have."""

from .reader import FileImporter

__all__ = ["FileImporter"]
