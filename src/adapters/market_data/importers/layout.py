"""Which column is what: one asset or many, one volume or two, named prices or not."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....application.ports.bar_files import ImportOptions, Mend
from ....domain.errors import DataError
from .table import RawTable

Float64Array = NDArray[np.float64]

FIELDS = ("open", "high", "low", "close")
_ALIASES = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_ORDERS = (
    ("open", "high", "low", "close"),  # most venues
    ("open", "close", "high", "low"),  # Bitfinex
    ("low", "high", "open", "close"),  # Coinbase
)
_QUOTE_VOLUMES = (
    "volumeto", "quote_volume", "quotevolume", "quote_asset_volume", "quote asset volume",
    "turnover",
)  # fmt: skip
_VOLUME_OF = re.compile(r"^volume[ _(]+([a-z0-9]{2,15})\)?$")
_WIDE = re.compile(r"^(.+?)[:_. ](open|high|low|close|volume)$")
_QUOTE_LIKE = ("usd", "usdt", "usdc", "eur", "gbp", "quote")
_TOLERANCE = 0.02
"""Rounding of the quote volume allowed when two volumes are told apart."""


@dataclass(slots=True)
class Group:
    """The columns of one asset.

    Attributes:
        label: Prefix of the columns in a wide file, else empty.
        prices: Open, high, low, close, shape (n,) each; NaN where empty.
        volume: Base units, shape (n,).
    """

    label: str
    prices: dict[str, Float64Array]
    volume: Float64Array
    mends: list[Mend]


def find_groups(table: RawTable, options: ImportOptions) -> list[Group]:
    """Return the assets of a table.

    Raises:
        DataError: If prices or volumes are not there, or which is which is not certain.
    """
    for short, full in _ALIASES.items():
        if short in table.columns and full not in table.columns:
            table.columns[full] = table.columns[short]
    if table.ordered_prices:
        return [_ordered(table, options)]
    if all(name in table.columns for name in FIELDS):
        mends: list[Mend] = []
        prices = {name: table.numbers(name) for name in FIELDS}
        return [Group("", prices, _volume(table, prices, mends), mends)]
    return _wide(table)


def _ordered(table: RawTable, options: ImportOptions) -> Group:
    """Tell unnamed price columns apart: only one known order may keep low ≤ open, close ≤ high."""
    values = [table.numbers(name) for name in table.ordered_prices]
    orders = [options.columns] if options.columns else list(_ORDERS)
    if any(sorted(order) != sorted(FIELDS) for order in orders):
        raise DataError(
            f"--columns must name open, high, low and close once, was {','.join(options.columns)}"
        )
    fitting = []
    for order in orders:
        prices = dict(zip(order, values, strict=True))
        body = (
            np.minimum(prices["open"], prices["close"]),
            np.maximum(prices["open"], prices["close"]),
        )
        if options.columns or np.all((prices["low"] <= body[0]) & (prices["high"] >= body[1])):
            fitting.append((order, prices))
    if len(fitting) != 1:
        raise DataError(
            f"{table.path}: the order of the four price columns is not certain: "
            f"{len(fitting)} of the known orders fit every bar",
            mend="name it, for example --columns open,high,low,close",
        )
    order, prices = fitting[0]
    told = "as given" if options.columns else "the only order that fits every bar"
    mend = Mend(f"unnamed columns read as time,{','.join(order)},volume ({told})", len(table))
    return Group("", prices, table.numbers("volume"), [mend])


def _wide(table: RawTable) -> list[Group]:
    names: dict[str, dict[str, str]] = {}
    for column in table.columns:
        match = _WIDE.match(column)
        if match is not None:
            names.setdefault(match[1], {})[match[2]] = column
    whole = {label: found for label, found in names.items() if set(FIELDS) <= set(found)}
    if not whole:
        have = ", ".join(table.columns)
        raise DataError(
            f"{table.path} lacks the columns open, high, low and close; it has {have}",
            mend="name the columns timestamp,open,high,low,close,volume",
        )
    groups = []
    for label, found in whole.items():
        if "volume" not in found:
            raise DataError(f"{table.path}: {label} has no volume column")
        prices = {name: table.numbers(found[name]) for name in FIELDS}
        groups.append(Group(label, prices, table.numbers(found["volume"]), []))
    return groups


def _volume(table: RawTable, prices: dict[str, Float64Array], mends: list[Mend]) -> Float64Array:
    base, quote = _volume_columns(table)
    if base is None:
        if quote is None:
            raise DataError(f"{table.path} has no volume column", mend="name it volume")
        raise DataError(
            f"{table.path} holds only {quote}, a volume in quote currency",
            mend="the volume in base units is needed; export that column too",
        )
    volume = table.numbers(base)
    if quote is None:
        return volume
    return _tell_apart(table, prices, (base, volume), (quote, table.numbers(quote)), mends)


def _volume_columns(table: RawTable) -> tuple[str | None, str | None]:
    """Return the columns of base and quote volume by their names."""
    of = {name: match[1] for name in table.columns if (match := _VOLUME_OF.match(name))}
    quote = [name for name in table.columns if name in _QUOTE_VOLUMES]
    quote += [name for name, currency in of.items() if currency in _QUOTE_LIKE]
    base = [name for name in table.columns if name in ("volumefrom", "base_volume")]
    base += [name for name in of if name not in quote]
    if "volume" in table.columns:
        # Beside `volume_btc` a bare `volume` is the quote's; beside `volume usd` the base's.
        (quote if base and not quote else base).append("volume")
    return (base[0] if base else None), (quote[0] if quote else None)


def _tell_apart(
    table: RawTable,
    prices: dict[str, Float64Array],
    named_base: tuple[str, Float64Array],
    named_quote: tuple[str, Float64Array],
    mends: list[Mend],
) -> Float64Array:
    """Return the base volume row by row: quote ÷ base must be a price of the bar.

    Archives are known to swap the two columns half-way.
    """
    (base_name, base), (quote_name, quote) = named_base, named_quote
    low, high = prices["low"] * (1 - _TOLERANCE), prices["high"] * (1 + _TOLERANCE)
    fits, swapped = (
        # Both are rounded, so the smallest volumes need room for a few units of the last place.
        (q >= b * low - 0.02 * high) & (q <= b * high + 0.02 * high)
        for b, q in ((base, quote), (quote, base))
    )
    swap = swapped & ~fits
    if swap.any():
        mends.append(
            Mend(
                f"{base_name} and {quote_name} are swapped in these rows (their ratio is no price "
                "of the bar the other way round): put right",
                int(swap.sum()),
                int(table.lines[swap.argmax()]),
            )
        )
    neither = ~fits & ~swapped & np.isfinite(base) & np.isfinite(quote)
    if neither.any():
        mends.append(
            Mend(
                f"{quote_name} ÷ {base_name} is no price of the bar: {base_name} kept",
                int(neither.sum()),
                int(table.lines[neither.argmax()]),
            )
        )
    mends.append(Mend(f"two volume columns: {base_name} taken as base units", len(table)))
    return np.where(swap, quote, base)
