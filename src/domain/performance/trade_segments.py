"""Trades of one asset whose every exit is whole: the same as the walk, in whole arrays.

Sums over a position's fills are differences of running sums; int64 wraps, so a difference that fits
is exact even where the running sum does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .trade_rows import TRADE_DTYPE

IntArray = NDArray[np.int64]


def has_partial_exit(fills: NDArray[np.void]) -> bool:
    """Return whether a fill of the one asset reduces a position without closing it."""
    signed = fills["side"] * fills["lots"]
    before = np.cumsum(signed) - signed
    opposed = (before > 0) & (signed < 0) | (before < 0) & (signed > 0)
    return bool(np.any(opposed & (np.abs(signed) < np.abs(before))))


def segments(
    fills: NDArray[np.void], unit: int, paid_at: IntArray, paid: IntArray
) -> tuple[NDArray[np.void], IntArray]:
    """Return the trades and the position of each one's closing fill; see :func:`.walk`."""
    lots, ticks, side = fills["lots"], fills["ticks"], fills["side"].astype(np.int64)
    signed = side * lots
    before = np.cumsum(signed) - signed
    ends = np.flatnonzero((before > 0) & (signed < 0) | (before < 0) & (signed > 0))
    begins = np.concatenate(([0], ends[:-1]))[: ends.size]
    closed = np.zeros(lots.size, dtype=np.int64)
    closed[ends] = np.abs(before[ends])
    added = lots - closed
    slip = np.abs(ticks - fills["reference"]) * lots * unit
    exit_fee, exit_slip = (_share(one, closed, lots) for one in (fills["fee"], slip))

    def held(values: IntArray) -> IntArray:
        running = np.concatenate(([0], np.cumsum(values)))
        total: IntArray = running[ends] - running[begins]
        return total

    out = np.empty(ends.size, dtype=TRADE_DTYPE)
    out["asset"], out["side"] = fills["asset"][ends], -side[ends]
    out["opened"] = fills["bar"][np.where(added[begins] > 0, begins, begins + 1)]
    out["closed"], out["lots"] = fills["bar"][ends], closed[ends]
    out["basis"], out["exit"] = held(added * ticks * unit), ticks[ends]
    out["gross"] = out["side"] * (out["lots"] * out["exit"] * unit - out["basis"])
    out["fee"] = held(fills["fee"] - exit_fee) + exit_fee[ends]
    out["slippage"] = held(slip - exit_slip) + exit_slip[ends]
    out["funding"] = _received(ends, paid_at, paid)
    out["net"] = out["gross"] - out["fee"] + out["funding"]
    out["reason"] = fills["reason"][ends]
    return out, ends


def _share(values: IntArray, closed: IntArray, lots: IntArray) -> IntArray:
    """Return ⌊value·closed / lots⌋; Python integers where a fill turns the position over."""
    out: IntArray = np.where(closed == lots, values, 0)
    for turn in np.flatnonzero((closed > 0) & (closed < lots)).tolist():
        out[turn] = int(values[turn]) * int(closed[turn]) // int(lots[turn])
    return out


def _received(ends: IntArray, paid_at: IntArray, paid: IntArray) -> IntArray:
    """Sum the payments by the trade whose closing fill comes next."""
    total = np.zeros(ends.size + 1, dtype=np.int64)
    np.add.at(total, np.searchsorted(ends, paid_at), paid)
    received: IntArray = total[:-1]
    return received
