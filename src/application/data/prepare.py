"""Prepare: every timeframe that is wanted, made from the finest, with one hash over all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.errors import DataError, NotFound
from ...domain.market import Symbol, Timeframe
from ..ports.bar_store import BarSeries, BarStore, StoredSeries
from .resample import MARK, resample


@dataclass(frozen=True, slots=True)
class PreparedLine:
    """One series of the set, and where it came from: ``held``, ``made``, or ``kept``.

    ``kept`` series were there before and are not resampled ones; only ``replace`` overwrites them.
    """

    stored: StoredSeries
    how: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A set of series over several timeframes.

    Attributes:
        first, last: The period that all of them cover: latest first open and earliest last close,
            Unix milliseconds.
        data_hash: SHA-256 over the content hashes of all series, in order of symbol and timeframe.
    """

    lines: tuple[PreparedLine, ...]
    first: int
    last: int
    data_hash: str


@dataclass(frozen=True, slots=True)
class PrepareBars:
    """The use case."""

    store: BarStore

    def __call__(
        self,
        symbols: Sequence[Symbol],
        timeframes: Sequence[Timeframe],
        *,
        replace: bool = False,
    ) -> Prepared:
        """Make what is missing of ``timeframes`` for each symbol from its finest series.

        Args:
            symbols: Which; all that are held if empty.
            timeframes: Which; every one coarser than the finest held if empty.
            replace: Also overwrite series that were imported or downloaded.

        Raises:
            NotFound: If a symbol is not held, or nothing finer than a wanted timeframe is.
            DataError: If the series have no common period.
        """
        held: dict[Symbol, list[Timeframe]] = {}
        for line in self.store.catalogue():
            held.setdefault(line.instrument.symbol, []).append(line.timeframe)
        if not held:
            raise NotFound(
                "no bars are held", mend="`mettle data get` or `mettle data import FILE`"
            )
        chosen = list(symbols) or sorted(held)
        for symbol in chosen:
            if symbol not in held:
                raise NotFound(f"no bars of {symbol} are held", mend="see `mettle data list`")
            _check_finer(symbol, min(held[symbol]), timeframes)
        base = {(symbol, min(held[symbol])) for symbol in chosen}
        _common_period(
            [
                line
                for line in self.store.catalogue()
                if (line.instrument.symbol, line.timeframe) in base
            ]
        )
        lines: list[PreparedLine] = []
        for symbol in chosen:
            lines.extend(self._symbol(symbol, min(held[symbol]), timeframes, replace=replace))
        return _prepared(lines)

    def _symbol(
        self, symbol: Symbol, finest: Timeframe, wanted: Sequence[Timeframe], *, replace: bool
    ) -> list[PreparedLine]:
        base = self.store.read(symbol, finest)
        targets = sorted(wanted) or [
            Timeframe(length)
            for length in Timeframe.LABELS.values()
            if length >= finest.milliseconds
        ]
        return [self._line(base, target, replace=replace) for target in targets]

    def _line(self, base: BarSeries, target: Timeframe, *, replace: bool) -> PreparedLine:
        symbol = base.instrument.symbol
        held = {
            line.timeframe: line
            for line in self.store.catalogue()
            if line.instrument.symbol == symbol
        }.get(target)
        if target == base.timeframe and held is not None:
            return PreparedLine(held, "held")
        if held is not None and not held.source.startswith(MARK) and not replace:
            return PreparedLine(held, "kept")
        return PreparedLine(self.store.write(resample(base, target), replace=True), "made")


def _check_finer(symbol: Symbol, finest: Timeframe, wanted: Sequence[Timeframe]) -> None:
    for target in wanted:
        if target < finest:
            raise NotFound(
                f"{symbol} is held at {finest}, {target} bars cannot be made of that",
                mend=f"`mettle data get {symbol} -t {target}`",
            )


def _common_period(stored: Sequence[StoredSeries]) -> tuple[int, int]:
    """Return latest first open and earliest last close, Unix milliseconds."""
    late = max(stored, key=lambda one: one.first)
    early = min(stored, key=lambda one: one.last + one.timeframe.milliseconds)
    first, last = late.first, early.last + early.timeframe.milliseconds
    if first >= last:
        raise DataError(
            f"the series have no common period: {early.instrument.symbol} {early.timeframe} ends "
            f"before {late.instrument.symbol} {late.timeframe} begins",
            mend="name the symbols that belong together, see `mettle data list`",
        )
    return first, last


def _prepared(lines: Sequence[PreparedLine]) -> Prepared:
    stored = sorted(
        (line.stored for line in lines), key=lambda one: (one.instrument.symbol, one.timeframe)
    )
    first, last = _common_period(stored)
    digest = hashlib.sha256("\n".join(one.content_hash for one in stored).encode())
    return Prepared(tuple(lines), first, last, digest.hexdigest())
