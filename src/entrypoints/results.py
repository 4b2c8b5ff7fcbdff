"""What the Python face hands back: models, studies and backtests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ..application.backtest import BacktestResult, to_summary, verdict
from ..application.learning.manifest import PolicyManifest
from ..application.ports.backtest_engine import FillReason
from ..domain.market import CASH_SCALE
from .frames import load_pandas

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A trained model of the workspace."""

    manifest: PolicyManifest

    @property
    def name(self) -> str:
        """Its name."""
        return self.manifest.name

    @property
    def digest(self) -> str:
        """SHA-256 of its manifest and through it of all its files."""
        return self.manifest.digest

    @property
    def synthetic(self) -> bool:
        """Whether it was trained on generated bars."""
        return self.manifest.synthetic

    @property
    def trained_until(self) -> datetime:
        """End of the last bar that it has seen."""
        return datetime.fromtimestamp(self.manifest.period[1] / 1000, UTC)

    def __repr__(self) -> str:
        names = ", ".join(map(str, self.manifest.symbols))
        return f"<Model {self.name}: {names} {self.manifest.timeframe}>"


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What a training left behind.

    Attributes:
        seconds: How long it took.
    """

    name: str
    models: tuple[Model, ...]
    seconds: float = 0.0

    def best(self) -> Model:
        """Return the best model."""
        return self.models[0]

    def __repr__(self) -> str:
        return f"<Study {self.name}: {len(self.models)} model>"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a result; ``to_polars()`` and ``to_pandas()`` turn them into a frame."""

    what: str
    columns: Mapping[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        lists = {name: np.asarray(column).tolist() for name, column in self.columns.items()}
        return (dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True))

    def __repr__(self) -> str:
        return f"<{len(self)} {self.what}>"

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame; times are UTC."""
        import polars as pl

        frame = pl.DataFrame(dict(self.columns))
        times = [name for name in frame.columns if name == "time" or name.endswith("_time")]
        return frame.with_columns(pl.col(times).cast(pl.Datetime("ms", "UTC")))

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame; times are UTC.

        Raises:
            NotFound: If pandas is not installed.
        """
        pandas = load_pandas()
        frame: pd.DataFrame = pandas.DataFrame(dict(self.columns))
        for name in frame.columns:
            if name == "time" or name.endswith("_time"):
                frame[name] = pandas.to_datetime(frame[name], unit="ms", utc=True)
        return frame


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """A backtest's result.

    Attributes:
        result: Everything, as the use case found it.
        differences: Settings and terms that are not those of the model's training.
    """

    result: BacktestResult
    differences: tuple[str, ...] = ()

    @property
    def sharpe(self) -> float | None:
        """The Sharpe ratio; None where it is not defined."""
        return self.result.sharpe

    @property
    def sharpe_interval(self) -> tuple[float, float] | None:
        """Its interval."""
        return self.result.sharpe_interval

    @property
    def verdict(self) -> str:
        """What was earned, and whether it can be believed, in two sentences."""
        return verdict(self.result)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing a figure."""
        return (*self.result.warnings, *self.differences)

    @property
    def synthetic(self) -> bool:
        """Whether the market was generated."""
        return self.result.synthetic

    @property
    def summary(self) -> dict[str, Any]:
        """Every figure as plain values, as ``mettle backtest --json`` prints them."""
        return to_summary(self.result)

    @property
    def equity(self) -> Rows:
        """Equity at each close, in the quote currency."""
        return Rows(
            "marks",
            {"time": self.result.times, "equity": self.result.equity / CASH_SCALE},
        )

    @property
    def trades(self) -> Rows:
        """The trades, one for each fill that reduced a position.

        Times are opens of bars; amounts are in the quote currency, ``net = gross − fee + funding``.
        """
        rows, panel = self.result.trades, self.result.panel
        asset = rows["asset"]
        names = np.array([str(symbol) for symbol in panel.symbols], dtype=object)
        tick = np.array([float(one.tick_size) for one in panel.instruments])
        lot = np.array([float(one.lot_size) for one in panel.instruments])
        columns: dict[str, Any] = {
            "symbol": names[asset],
            "side": np.where(rows["side"] > 0, "long", "short").astype(object),
            "opened_time": panel.open_time[rows["opened"]],
            "closed_time": panel.open_time[rows["closed"]],
            "quantity": rows["lots"] * lot[asset],
            "exit_price": rows["exit"] * tick[asset],
            "reason": np.array([FillReason(one).name.lower() for one in rows["reason"]], object),
        }
        for name in ("gross", "fee", "funding", "slippage", "net"):
            columns[name] = rows[name] / CASH_SCALE
        return Rows("trades", columns)

    def __repr__(self) -> str:
        return f"<Backtest of {self.result.agent}: {self.verdict}>"
