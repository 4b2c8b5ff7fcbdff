"""Backtests of an EMA cross, long or flat: vectorbt, raptorbt and backtesting.py.

All decide at a close and fill at the next open, with fee and slippage. Each is asked for what it
offers in one call: averages, signals, simulation, and the figures named by the case.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._worker import Measure, calls, data, serve

Market = dict[str, NDArray[Any]]


def vectorbt(engine: str, figures: str) -> Measure:
    """Set up vectorbt; ``figures`` is ``return`` or ``stats``, its table of all."""
    import pandas as pd
    import vectorbt as vbt

    if engine == "rust":
        import vectorbt_rust  # noqa: F401  without it numba would do the work unasked

    vbt.settings["engine"] = engine
    market = data()
    index = pd.to_datetime(market["time"], unit="ms")
    open_, close = (pd.Series(market[name][:, 0], index) for name in ("open", "close"))
    fast, slow, fee = (market[name].item() for name in ("fast", "slow", "fee"))

    def run() -> Any:
        quick, slower = (vbt.MA.run(close, n, ewm=True) for n in (fast, slow))
        entries = quick.ma_crossed_above(slower).shift(1, fill_value=False)
        exits = quick.ma_crossed_below(slower).shift(1, fill_value=False)
        done = vbt.Portfolio.from_signals(
            close, entries, exits, price=open_, fees=fee, slippage=fee, init_cash=1e7, freq="5min"
        )
        if figures == "stats":
            done.stats(silence_warnings=True)
        else:
            done.total_return()
        return done

    trades = run().trades.records["entry_idx"].to_numpy()
    return _with(calls(run, len(close)), trades)


def raptorbt() -> Measure:
    """Set up raptorbt, which always works out all of its figures."""
    import raptorbt as raptor

    market = data()
    names = ("open", "high", "low", "close", "volume")
    columns = [np.ascontiguousarray(market[name][:, 0]) for name in names]
    close = columns[3]
    fast, slow, fee = (market[name].item() for name in ("fast", "slow", "fee"))
    config = raptor.BacktestConfig(
        initial_capital=1e7, fees=fee, slippage=fee, fill_timing="next_bar_open"
    )

    def run() -> Any:
        above = raptor.ema(close, fast) > raptor.ema(close, slow)
        turned = np.empty_like(above)
        turned[0] = False
        np.not_equal(above[1:], above[:-1], out=turned[1:])
        return raptor.run_single_backtest(
            market["time"], *columns, turned & above, turned & ~above, config=config
        )

    trades = np.array([one.entry_idx for one in run().trades()])
    return _with(calls(run, len(close)), trades)


def backtesting() -> Measure:
    """Set up backtesting.py; its run includes its table of figures."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    warnings.simplefilter("ignore")
    market = data()
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name.title(): market[name][:, 0] for name in names})
    frame.index = pd.to_datetime(market["time"], unit="ms")
    fast, slow, fee = (market[name].item() for name in ("fast", "slow", "fee"))

    class Cross(Strategy):
        """Long while the fast average is above the slow one."""

        def init(self) -> None:
            """Work out both averages at once."""
            close = pd.Series(self.data.Close)
            self.fast = self.I(lambda: close.ewm(span=fast, adjust=False).mean().to_numpy())
            self.slow = self.I(lambda: close.ewm(span=slow, adjust=False).mean().to_numpy())

        def next(self) -> None:
            """Turn where they cross."""
            if self.fast[-1] > self.slow[-1]:
                if not self.position:
                    self.buy()
            elif self.position:
                self.position.close()

    test = Backtest(frame, Cross, cash=1e9, commission=fee, spread=fee, finalize_trades=True)
    trades = np.asarray(test.run()["_trades"]["EntryBar"])
    return _with(calls(test.run, len(frame)), trades)


def _with(measure: Measure, trades: NDArray[np.integer[Any]]) -> Measure:
    """Tell the bars of the entries beside the rate."""
    entries = np.sort(trades).tolist()
    return lambda seconds: measure(seconds) | {"entries": entries}


CASES: dict[str, Callable[[], Measure]] = {
    "vectorbt numba, return only": partial(vectorbt, "numba", "return"),
    "vectorbt rust, return only": partial(vectorbt, "rust", "return"),
    "vectorbt rust, stats": partial(vectorbt, "rust", "stats"),
    "raptorbt, all metrics": raptorbt,
    "backtesting.py": backtesting,
}

if __name__ == "__main__":
    serve(CASES, ("vectorbt", "vectorbt-rust", "raptorbt", "backtesting", "numba", "numpy"))
