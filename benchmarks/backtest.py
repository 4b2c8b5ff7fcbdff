"""EMA cross over 500,000 bars: the loop, the figures, the intervals, and all of it together.

"All metrics" is the whole use case: features, decisions, fills with fees and slippage, trades,
benchmarks and every figure. Intervals (1,000 resamples) are a row of their own, since no peer has
them. Peers of the specification's table are listed with the reason where they are not here to run.
"""

from __future__ import annotations

import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.synthetic import CalibratedSyntheticMarket
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.system import PhiloxRandomness
from mettle.application.backtest import BacktestRequest, BacktestResult, CostProfile, run_backtest
from mettle.application.data.panel import assemble_panel
from mettle.application.market import MarketPanel
from mettle.application.ports.synthetic_market import SyntheticRequest
from mettle.application.strategies import EmaCross
from mettle.domain.market import Timeframe
from mettle.domain.simulation import SimulationSettings

BARS = 500_000
COSTS = CostProfile("benchmark", maker=10, taker=10, slippage=10)
"""So low that the account lives through every trade: a ruined one has nothing left to do."""

PEERS = ("raptorbt", "vectorbt", "backtesting", "nautilus_trader", "freqtrade")


def run(full: bool) -> list[dict[str, Any]]:
    """Measure bars a second.

    Args:
        full: More repetitions.
    """
    repeats = 15 if full else 5
    panel, agent = _panel(), EmaCross()
    features, engine = NativeFeatures(1), NativeEngine()
    settings = SimulationSettings(
        initial_cash=10**15, rebalance_band=500, slippage=10, ruin_level=0
    )
    table = features.table(panel, agent.feature_set)
    loop = partial(engine.run, panel, table, agent, settings, table.warmup, len(panel))
    whole = partial(_whole, panel, agent, settings, (features, engine))
    rows = [
        _row("features, two averages", partial(features.table, panel, agent.feature_set), repeats),
        _row("loop: decisions, fills, fees, equity", loop, repeats),
        _row("whole use case, all metrics", partial(whole, 0), repeats),
        _row("whole use case, all metrics with intervals", partial(whole, 1_000), repeats),
    ]
    trades = len(whole(0).trades)
    rows.append({"name": "trades of the run", "value": float(trades), "unit": "trades"})
    return rows + [_absent(name) for name in PEERS]


def _panel() -> MarketPanel:
    request = SyntheticRequest(assets=1, bars=BARS, timeframe=Timeframe.parse("5m"))
    made = CalibratedSyntheticMarket().generate(request, PhiloxRandomness(1))
    return COSTS.apply(assemble_panel(made.series, made.funding), SimulationSettings())[0]


def _whole(
    panel: MarketPanel,
    agent: EmaCross,
    settings: SimulationSettings,
    parts: tuple[NativeFeatures, NativeEngine],
    resamples: int,
) -> BacktestResult:
    request = BacktestRequest(panel, agent, settings, resamples=resamples)
    return run_backtest(request, *parts, PhiloxRandomness(1))


def _row(name: str, work: Callable[[], object], repeats: int) -> dict[str, Any]:
    work()
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        rates.append(BARS / (time.perf_counter() - start))
    low, high = min(rates), max(rates)
    spread = f"{low / 1e6:.2f} … {high / 1e6:.2f} M"
    return {"name": name, "value": statistics.median(rates), "unit": "bars/s", "spread": spread}


def _absent(name: str) -> dict[str, Any]:
    there = importlib.util.find_spec(name) is not None
    why = "no comparison is written for it" if there else "not installed"
    return {"name": f"peer {name}: not run, {why}", "value": None, "unit": ""}
