"""Trades from fills: each reducing fill closes one, by average cost, net of fees and funding.

Whole units of 1e-8 throughout. Entry fees, entry slippage and funding wait in the position and are
released in proportion to the lots reduced, with the floor that releases the basis; so the trades
and the position that is still open add up to the account exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidValue
from ..market import CASH_SCALE, Instrument, Liquidity, Symbol
from ..orders import Fill

IntArray = NDArray[np.int64]

TRADE_DTYPE = np.dtype(
    [
        ("asset", "<i4"),
        ("side", "<i4"),  # +1 long, −1 short
        ("opened", "<i8"),  # bar in which the position began
        ("closed", "<i8"),  # bar of the reducing fill
        ("lots", "<i8"),  # lots reduced, > 0
        ("basis", "<i8"),  # cost of those lots, 1e-8 quote
        ("exit", "<i8"),  # ticks of the reducing fill
        ("gross", "<i8"),  # P&L by average cost, slippage inside, fees not
        ("fee", "<i8"),  # of the exit and the released part of the entry
        ("funding", "<i8"),  # received (+) or paid (−) while held
        ("slippage", "<i8"),  # |fill − reference| of both ends; already inside gross
        ("net", "<i8"),  # gross − fee + funding
        ("reason", "<i4"),  # of the reducing fill
    ]
)

FILL_FIELDS = np.dtype(
    [
        ("bar", "<i8"),
        ("asset", "<i4"),
        ("side", "<i4"),
        ("lots", "<i8"),
        ("ticks", "<i8"),
        ("reference", "<i8"),
        ("fee", "<i8"),
        ("maker", "<i4"),
        ("reason", "<i4"),
    ]
)
"""What this module reads of a fill; ``FILL_DTYPE`` of the engines has all of these."""


@dataclass(slots=True)
class _Position:
    """One asset's running state while fills are walked."""

    lots: int = 0
    opened: int = 0
    basis: int = 0
    fee: int = 0
    slippage: int = 0
    funding: int = 0

    def add(self, bar: int, lots: int, cost: tuple[int, int, int]) -> None:
        if self.lots == 0:
            self.opened = bar
        self.lots += lots
        self.basis += cost[0]
        self.fee += cost[1]
        self.slippage += cost[2]

    def release(self, reduced: int) -> dict[str, int]:
        held = abs(self.lots)
        out = {}
        for name in ("basis", "fee", "slippage", "funding"):
            pool = getattr(self, name)
            out[name] = part = pool if reduced == held else pool * reduced // held
            setattr(self, name, pool - part)
        self.lots += -reduced if self.lots > 0 else reduced
        return out


@dataclass(slots=True)
class _Walk:
    units: Sequence[int]
    positions: list[_Position] = field(default_factory=list)
    rows: list[tuple[int, ...]] = field(default_factory=list)

    def fill(self, row: Mapping[str, int]) -> None:
        """Apply one fill; what reduces becomes a trade, what is left opens the other side."""
        asset, side, lots = row["asset"], row["side"], row["lots"]
        held = self.positions[asset]
        unit = self.units[asset]
        fee, slip = row["fee"], abs(row["ticks"] - row["reference"]) * lots * unit
        reduced = min(lots, abs(held.lots)) if held.lots * side < 0 else 0
        if reduced:
            fee_part, slip_part = fee * reduced // lots, slip * reduced // lots
            fee, slip = fee - fee_part, slip - slip_part
            self._close(held, row, reduced, (fee_part, slip_part))
        if lots > reduced:
            rest = lots - reduced
            held.add(row["bar"], side * rest, (rest * row["ticks"] * unit, fee, slip))

    def _close(
        self, held: _Position, row: Mapping[str, int], reduced: int, costs: tuple[int, int]
    ) -> None:
        direction = 1 if held.lots > 0 else -1
        value = reduced * row["ticks"] * self.units[row["asset"]]
        out = held.release(reduced)
        gross = direction * (value - out["basis"])
        fee, slip = out["fee"] + costs[0], out["slippage"] + costs[1]
        self.rows.append(
            (
                row["asset"], direction, held.opened, row["bar"], reduced, out["basis"],
                row["ticks"], gross, fee, out["funding"], slip, gross - fee + out["funding"],
                row["reason"],
            )
        )  # fmt: skip


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
        fills: Structured rows with ``FILL_FIELDS``, in order of execution.
        units: Value of one lot at one tick of each asset, 1e-8 quote.
        funding: From mark to mark, 1e-8, shape (n − 1, A); row i belongs to bar ``start + i + 1``.
        start: Bar of the first mark.
    """
    walk = _Walk([int(unit) for unit in units], [_Position() for _ in units])
    names = FILL_FIELDS.names or ()
    columns = [fills[name].tolist() for name in names]
    payments = _payments(funding, start)
    due = 0
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        late = []
        while due < len(payments) and payments[due][0] <= row["bar"]:
            bar, asset, amount = payments[due]
            due += 1
            if walk.positions[asset].lots == 0 and bar == row["bar"]:
                late.append((asset, amount))
            else:
                walk.positions[asset].funding += amount
        walk.fill(row)
        for asset, amount in late:
            walk.positions[asset].funding += amount
    return np.array(walk.rows, dtype=TRADE_DTYPE)


def _payments(funding: IntArray | None, start: int) -> list[tuple[int, int, int]]:
    if funding is None:
        return []
    bars, assets = np.nonzero(funding)
    return [
        (start + 1 + int(bar), int(asset), int(funding[bar, asset]))
        for bar, asset in zip(bars, assets, strict=True)
    ]


def fill_rows(fills: Sequence[Fill], instruments: Mapping[Symbol, Instrument]) -> NDArray[Any]:
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
        ticks = instrument.ticks(fill.price)
        rows.append(
            (
                fill.occurred_at, numbers[fill.symbol], fill.side.sign,
                instrument.lots(fill.quantity), ticks, ticks,
                round(fill.fee.amount * CASH_SCALE),
                int(fill.liquidity is Liquidity.MAKER), 0,
            )
        )  # fmt: skip
    return np.array(rows, dtype=FILL_FIELDS)
