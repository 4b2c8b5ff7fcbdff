"""Turning a result into a document, as a port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..backtest import BacktestResult


class ReportWriter(Protocol):
    """Writes one self-contained file that needs neither network nor server. Adapter: tear sheet.

    The same result gives the same bytes. Thread-safe.
    """

    def write(self, result: BacktestResult, path: Path) -> Path:
        """Write the report of ``result`` and return its absolute path.

        The file appears whole or not at all; folders are made as needed.

        Raises:
            StorageError: If the disk cannot take it.
        """
