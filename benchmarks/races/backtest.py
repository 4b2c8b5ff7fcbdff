"""An EMA cross over half a million bars: the whole backtest, the event path, the real session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.system import PhiloxRandomness
from mettle.application.backtest import BacktestRequest, BacktestResult, run_backtest
from mettle.application.ports.backtest_engine import EngineRun
from mettle.application.strategies import EmaCross
from mettle.domain.simulation import SimulationSettings

from benchmarks import session

from ._market import floats, handed_out, walk
from ._race import Pace, race, rate
from ._rows import Goal, Row, Shown, by_name, figure
from ._worker import Reading, Worker

BARS = 500_000
SESSION_BARS = 5_000
AGENT = EmaCross(20, 50)
_FEE = 10
"""Fee and slippage in millionths: so low that the account lives through every trade."""
_SETTINGS = SimulationSettings(initial_cash=10**15, rebalance_band=500, slippage=_FEE, ruin_level=0)
_FEWER = 10
"""What the bars are divided by for those who take seconds where others take milliseconds."""
_BARS = Shown("M bars/s", 1e6)
_BAR_BY_BAR = Shown("k bars/s", 1e3)
_PEERS = {
    "raptorbt, all metrics": Goal(5),
    "vectorbt rust, stats": None,
    "vectorbt rust, return only": None,
    "vectorbt numba, return only": None,
}
_SLOW = {"NautilusTrader": Goal(20), "backtesting.py": None}
_OURS = "whole backtest, all metrics"
_EVENTS = "event path: orders, fees, stops, funding"
_SESSION = "faithful session, journal in memory"


def run(pace: Pace, bars: int = BARS) -> list[Row]:
    """Race the backtests; what the peers find is compared trade by trade."""
    panel = walk(bars, 1, fee=_FEE)
    numbers = {"fast": AGENT.fast, "slow": AGENT.slow, "fee": _FEE * 1e-6}
    arrays = {name: np.array(value) for name, value in numbers.items()}
    few = {name: one[: bars // _FEWER] for name, one in floats(panel).items()}
    with (
        handed_out(**floats(panel), **arrays, time=panel.open_time) as whole_data,
        handed_out(**few, **arrays, time=panel.open_time[: bars // _FEWER]) as part,
        Worker("backtest", whole_data) as fast,
        Worker("backtest", part) as slow,
        Worker("nautilus", part, "nautilus") as nautilus,
    ):
        return _rows(pace, bars, fast, {"NautilusTrader": nautilus, "backtesting.py": slow})


def _rows(pace: Pace, bars: int, fast: Worker, slow: dict[str, Worker]) -> list[Row]:
    seconds = pace.seconds
    sides: dict[str, Callable[[], Reading]] = {
        _OURS: rate(partial(whole, bars), seconds, bars),
        _EVENTS: rate(partial(events, bars), seconds, bars),
        _SESSION: rate(partial(session.play_one, SESSION_BARS), seconds, SESSION_BARS),
    }
    sides |= {name: fast.rate(name, seconds) for name in _PEERS}
    sides |= {name: worker.rate(name, seconds) for name, worker in slow.items()}
    rates, absences = race(sides, pace.rounds)
    beside = by_name(rates, absences)
    rows = [beside(_OURS, _OURS, peer, _BARS, goal) for peer, goal in _PEERS.items()]
    rows += [beside(_EVENTS, _EVENTS, peer, _BARS, goal) for peer, goal in _SLOW.items()]
    rows.append(figure(_SESSION, rates[_SESSION], _BAR_BY_BAR, Goal(10, "least")))
    trades = set(entries(bars))
    workers = {**dict.fromkeys(_PEERS, fast), **slow}
    return rows + [
        _same(name, trades, workers[name], bars) for name in workers if name not in absences
    ]


def whole(bars: int) -> BacktestResult:
    """Run the whole use case: features, decisions, fills, trades, every figure."""
    request = BacktestRequest(walk(bars, 1, fee=_FEE), AGENT, _SETTINGS, resamples=0)
    return run_backtest(request, NativeFeatures(1), NativeEngine(), PhiloxRandomness(1))


def entries(bars: int) -> list[int]:
    """Return the bars in which our positions begin, the last one open or not."""
    panel = walk(bars, 1, fee=_FEE)
    table = NativeFeatures(1).table(panel, AGENT.feature_set)
    start = table.warmup
    run = NativeEngine().run(panel, table, AGENT, _SETTINGS, start, bars)
    held = run.lots[:, 0] > 0
    found: list[int] = (np.flatnonzero(held[1:] & ~held[:-1]) + start + 1).tolist()
    return found


def events(bars: int) -> EngineRun:
    """Run features, decisions and the exact event loop on perpetuals with stops and funding."""
    panel = walk(bars, 1, perpetual=True, fee=_FEE)
    settings = replace(_SETTINGS, leverage=2, stop_loss=20_000, trailing_stop=30_000)
    table = NativeFeatures(1).table(panel, AGENT.feature_set)
    return NativeEngine().run(panel, table, AGENT, settings, table.warmup, len(panel))


def _same(name: str, ours: set[int], worker: Worker, bars: int) -> Row:
    """Compare the bars of entry, but for the averages' different warm-up."""
    theirs = set(worker.last[name]["entries"])
    last = bars // _FEWER if name in _SLOW else bars
    mine = {one for one in ours if one < last}
    settled = 20 * AGENT.slow
    differ = {one for one in mine ^ theirs if settled <= one < last - 1}
    return {
        "name": f"entries that differ from {name}",
        "value": float(len(differ)),
        "unit": f"of {len(mine)}",
        "goal": "0",
        "verdict": "reached" if not differ else "short",
        "share": 1.0 if not differ else 0.0,
    }
