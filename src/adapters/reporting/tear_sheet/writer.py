"""The tear sheet: one HTML file that opens anywhere and asks the network for nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ....application.backtest import BacktestResult
from ....domain.errors import StorageError
from .page import page


class TearSheetWriter:
    """Writes a :class:`~mettle.application.ports.report_writer.ReportWriter` report as HTML."""

    def write(self, result: BacktestResult, path: Path) -> Path:
        """See the port; plotly is loaded on the first call."""
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  a second's work, seldom needed

        text = page(result, get_plotlyjs())
        target = path.expanduser().absolute()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".tear-", suffix=".html")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(name).chmod(0o644)
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StorageError(
                f"cannot write {target}: {error.strerror or error}",
                mend="free space or choose another file with --report",
            ) from error
        return target
