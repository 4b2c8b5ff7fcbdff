"""Trades from fills: each reducing fill closes one, by average cost, net of fees and funding.

Whole units of 1e-8 throughout. Entry fees, entry slippage and funding wait in the position and are
released in proportion to the lots reduced, with the floor that releases the basis; so the trades
and the position that is still open add up to the account exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidValue
from ..market import CASH_SCALE, Instrument, Liquidity, Symbol
from ..orders import Fill
from .trade_rows import FILL_FIELDS, TRADE_DTYPE
from .trade_segments import has_partial_exit, segments
from .trade_walk import walk

IntArray = NDArray[np.int64]


def trade_table(
    fills: NDArray[np.void],
    units: Sequence[int] | IntArray,
    funding: IntArray | None = None,
    start: int = 0,
) -> NDArray[np.void]:
    """Return one ``TRADE_DTYPE`` row for each reducing fill, in order of execution.

    Funding of a bar belongs to the position held before the bar's fills, else to the one that its
    first fill opens.

    Args:
        fills: Structured rows with ``FILL_FIELDS``, in order of execution, bars rising.
        units: Value of one lot at one tick of each asset, 1e-8 quote.
        funding: From mark to mark, 1e-8, shape (n − 1, A); row i belongs to bar ``start + i + 1``.
        start: Bar of the first mark.
    """
    tables, orders = [np.empty(0, dtype=TRADE_DTYPE)], [np.empty(0, dtype=np.int64)]
    for asset, unit in enumerate(units):
        chosen = np.flatnonzero(fills["asset"] == asset)
        if not chosen.size:
            continue
        mine = fills[chosen]
        paid_at, paid = _payments(mine, funding, asset, start)
        take = walk if has_partial_exit(mine) else segments
        table, numbers = take(mine, int(unit), paid_at, paid)
        tables.append(table)
        orders.append(chosen[numbers])
    joined = np.concatenate(tables)
    return joined[np.argsort(np.concatenate(orders), kind="stable")]


def _payments(
    fills: NDArray[np.void], funding: IntArray | None, asset: int, start: int
) -> tuple[IntArray, IntArray]:
    """Return for each payment the number of fills in earlier bars, and the amount."""
    if funding is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(funding[:, asset])
    before = np.searchsorted(fills["bar"], rows + start + 1)
    return before.astype(np.int64), funding[rows, asset]


def fill_rows(fills: Sequence[Fill], instruments: Mapping[Symbol, Instrument]) -> NDArray[np.void]:
    """Return domain fills as ``FILL_FIELDS`` rows; ``bar`` is the instant, reference the price.

    Assets are numbered in the order of ``instruments``.

    Raises:
        InvalidValue: If a fee is not in the quote currency: convert it at a stated rate first.
    """
    numbers = {symbol: number for number, symbol in enumerate(instruments)}
    rows = []
    for fill in fills:
        instrument = instruments[fill.symbol]
        if fill.fee.currency != fill.symbol.quote:
            raise InvalidValue(
                f"fill {fill.trade_id}: fee is in {fill.fee.currency}, not {fill.symbol.quote}",
                mend="convert it at the rate of the fill first",
            )
        ticks, lots = instrument.ticks(fill.price), instrument.lots(fill.quantity)
        fee = round(fill.fee.amount * CASH_SCALE)
        maker = int(fill.liquidity is Liquidity.MAKER)
        rows.append(
            (
                fill.occurred_at, numbers[fill.symbol], fill.side.sign, lots, ticks, ticks, fee,
                maker, 0,
            )
        )  # fmt: skip
    return np.array(rows, dtype=FILL_FIELDS)
