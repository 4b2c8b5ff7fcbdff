"""What a backtest found."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from ...domain.market import CASH_SCALE, Instrument
from ...domain.performance import Metrics
from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel
from ..ports.backtest_engine import EngineRun


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading cost, in the quote currency; ``gross − fee − slippage + funding = net``.

    Attributes:
        gross: Profit at the reference prices, before any cost.
        fee: Paid, ≥ 0.
        slippage: Σ |fill − reference| · lots · value of a lot.
        funding: Received (+) or paid (−).
        net: Last equity less the first.
    """

    gross: Decimal
    fee: Decimal
    slippage: Decimal
    funding: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What doing nothing clever would have earned.

    Attributes:
        nav: NAV at the marks, shape (n,), or None.
        reason: Why there is none.
    """

    name: str
    nav: NDArray[np.float64] | None
    reason: str = ""

    @property
    def total_return(self) -> float | None:
        """Growth over the period, less 1."""
        return None if self.nav is None else float(self.nav[-1] - 1.0)


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One out-of-sample window of a walk-forward run; bars are positions in the panel."""

    train_start: int
    train_stop: int
    start: int
    stop: int
    agent: str
    agent_hash: str
    total_return: float
    trades: int


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """Everything that a report, a gate or a reader needs.

    Attributes:
        panel: The bars, with the costs applied; ``run.start`` and ``run.stop`` point into it.
        times: Instants of the marks (closes), Unix milliseconds, shape (n,).
        equity: 1e-8 of the quote currency, shape (n,).
        nav: NAV per unit, shape (n,).
        trades: ``TRADE_DTYPE`` rows, one for each reducing fill.
        costs: In the quote currency.
        windows: Of a walk-forward run, else empty.
        warnings: What a reader must know before believing a figure.
    """

    agent: str
    agent_hash: str
    panel: MarketPanel
    settings: SimulationSettings
    cost_profile: str
    run: EngineRun
    times: NDArray[np.int64]
    nav: NDArray[np.float64]
    exposure: NDArray[np.float64]
    trades: NDArray[np.void]
    costs: Costs
    metrics: Metrics
    benchmarks: tuple[Benchmark, ...]
    warnings: tuple[str, ...]
    windows: tuple[WindowResult, ...] = ()

    @property
    def equity(self) -> NDArray[np.int64]:
        """Equity at the marks, 1e-8 of the quote currency."""
        return self.run.equity

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What was traded, in column order."""
        return self.panel.instruments

    @property
    def quote(self) -> str:
        """The currency of every amount."""
        return self.panel.instruments[0].symbol.quote

    @property
    def data_hash(self) -> str:
        """SHA-256 of the bars."""
        return self.panel.data_hash

    @property
    def synthetic(self) -> bool:
        """Whether the market was generated."""
        return self.panel.synthetic

    @property
    def start_ms(self) -> int:
        """Instant of the first decision, Unix milliseconds."""
        return int(self.times[0])

    @property
    def stop_ms(self) -> int:
        """Instant of the last mark, Unix milliseconds."""
        return int(self.times[-1])

    @property
    def final_equity(self) -> Decimal:
        """Last equity in the quote currency."""
        return Decimal(int(self.run.equity[-1])) / CASH_SCALE

    @property
    def sharpe(self) -> float | None:
        """The Sharpe ratio; annualised from 30 days on."""
        return self.metrics.returns.sharpe.value

    @property
    def sharpe_interval(self) -> tuple[float, float] | None:
        """Its interval."""
        return self.metrics.returns.sharpe.interval
