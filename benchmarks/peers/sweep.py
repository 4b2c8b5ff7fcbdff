"""A sweep of EMA pairs in vectorbt: all columns at once, as it is meant to be used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ._worker import Measure, calls, data, serve


def vectorbt(engine: str) -> Measure:
    """Set up one engine; a measurement sweeps every pair over all bars."""
    import pandas as pd
    import vectorbt as vbt

    if engine == "rust":
        import vectorbt_rust  # noqa: F401  without it numba would do the work unasked

    vbt.settings["engine"] = engine
    market = data()
    index = pd.to_datetime(market["time"], unit="ms")
    fee = market["fee"].item()
    pairs = market["pairs"]

    def run(bars: int) -> Any:
        open_, close = (
            pd.Series(market[name][:bars, 0], index[:bars]) for name in ("open", "close")
        )
        quick = vbt.MA.run(close, pairs[:, 0].tolist(), ewm=True, short_name="fast")
        slow = vbt.MA.run(close, pairs[:, 1].tolist(), ewm=True, short_name="slow")
        entries = quick.ma_crossed_above(slow).shift(1, fill_value=False)
        exits = quick.ma_crossed_below(slow).shift(1, fill_value=False)
        done = vbt.Portfolio.from_signals(
            close, entries, exits, price=open_, fees=fee, slippage=fee, init_cash=1e7, freq="5min"
        )
        return np.asarray(done.total_return())

    run(1_000)  # compiled by now
    bars = len(index)
    before = _begin_peak_mb()
    returns: list[Any] = []
    measure = calls(lambda: returns.append(run(bars)), bars * len(pairs))
    grew = _peak_mb() - before
    return lambda seconds: measure(seconds) | {"grew_mb": grew, "returns": returns[-1].tolist()}


def _begin_peak_mb() -> float:
    """Let the peak begin anew at what is resident now, which is returned."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _peak_mb()


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(one.split()[1]) / 1024 for one in lines if one.startswith("VmHWM"))


CASES: dict[str, Callable[[], Measure]] = {
    "vectorbt numba": partial(vectorbt, "numba"),
    "vectorbt rust": partial(vectorbt, "rust"),
}

if __name__ == "__main__":
    serve(CASES, ("vectorbt", "vectorbt-rust", "numba", "numpy"))
