"""Trades of one asset, fill by fill: the plain form, which takes partial exits too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .trade_rows import TRADE_DTYPE

IntArray = NDArray[np.int64]


@dataclass(slots=True)
class _Position:
    """What waits in a position to be released, 1e-8 quote."""

    lots: int = 0
    opened: int = 0
    basis: int = 0
    fee: int = 0
    slippage: int = 0
    funding: int = 0

    def release(self, name: str, reduced: int) -> int:
        pool: int = getattr(self, name)
        held = abs(self.lots)
        part = pool if reduced == held else pool * reduced // held
        setattr(self, name, pool - part)
        return part


def walk(
    fills: NDArray[np.void], unit: int, paid_at: IntArray, paid: IntArray
) -> tuple[NDArray[np.void], IntArray]:
    """Return the trades and the position of each one's reducing fill.

    Args:
        fills: Of one asset, in order of execution.
        unit: Value of one lot at one tick, 1e-8 quote.
        paid_at: For each funding payment the number of fills before it, rising, shape (p,).
        paid: Its amount, 1e-8 quote, shape (p,).
    """
    held = _Position()
    rows, order = [], []
    payments = list(zip(paid_at.tolist(), paid.tolist(), strict=True))[::-1]
    for number, fill in enumerate(fills):
        while payments and payments[-1][0] <= number:
            held.funding += payments.pop()[1]
        lots, side, ticks = int(fill["lots"]), int(fill["side"]), int(fill["ticks"])
        fee, slip = int(fill["fee"]), abs(ticks - int(fill["reference"])) * lots * unit
        reduced = min(lots, abs(held.lots)) if held.lots * side < 0 else 0
        if reduced:
            exit_fee, exit_slip = fee * reduced // lots, slip * reduced // lots
            fee, slip = fee - exit_fee, slip - exit_slip
            basis = held.release("basis", reduced)
            cost = held.release("fee", reduced) + exit_fee
            slipped = held.release("slippage", reduced) + exit_slip
            funding = held.release("funding", reduced)
            gross = -side * (reduced * ticks * unit - basis)
            order.append(number)
            rows.append(
                (
                    fill["asset"], -side, held.opened, fill["bar"], reduced, basis, ticks, gross,
                    cost, funding, slipped, gross - cost + funding, fill["reason"],
                )
            )  # fmt: skip
            held.lots += side * reduced
        if lots > reduced:
            if held.lots == 0:
                held.opened = int(fill["bar"])
            held.lots += side * (lots - reduced)
            held.basis += (lots - reduced) * ticks * unit
            held.fee += fee
            held.slippage += slip
    return np.array(rows, dtype=TRADE_DTYPE), np.array(order, dtype=np.int64)
