"""NativeSweep: many EMA crosses over one market, in the lanes of the processor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ... import _native
from ...application.market import MarketPanel
from ...application.ports.sweep_engine import SweepFigures
from ...application.strategies import EmaCross
from ...domain.errors import DataError, InvalidValue
from ...domain.simulation.settings import SimulationSettings
from .market_batch import market_data

Level = Literal["best", "portable", "avx2", "avx512"]


class NativeSweep:
    """Plays rules in C++; implements ``SweepEngine``. Free of state, thread-safe.

    Args:
        threads: Most threads of a sweep; the figures do not depend on it. 0 is one a processor.
        level: The set of instructions; trades and money do not depend on it.
    """

    def __init__(self, threads: int = 0, level: Level = "best") -> None:
        self._threads = threads or os.cpu_count() or 1
        self._level = level

    def sweep(
        self,
        panel: MarketPanel,
        rules: Sequence[EmaCross],
        settings: SimulationSettings,
        start: int,
        stop: int,
    ) -> SweepFigures:
        """See :class:`~mettle.application.ports.sweep_engine.SweepEngine`."""
        _check(panel, rules, start, stop)
        data = market_data(panel, np.empty((stop, 1, 0), dtype=np.float32), 0, stop)
        pairs = np.array([(one.fast, one.slow) for one in rules], dtype=np.int32)
        try:
            found = _native.sweep_ema_cross(
                data,
                settings.to_dict(),
                pairs,
                start,
                stop,
                float(str(panel.instruments[0].tick_size)),
                rules[0].allow_short,
                self._level,
                self._threads,
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidValue(f"cannot sweep: {error}") from error
        return SweepFigures(**found)


def _check(panel: MarketPanel, rules: Sequence[EmaCross], start: int, stop: int) -> None:
    if not rules or len({one.allow_short for one in rules}) > 1:
        raise InvalidValue("a sweep plays one rule or more, all of them short or none")
    if len(panel.instruments) != 1:
        raise InvalidValue(
            f"a sweep plays one market, were {len(panel.instruments)}", mend="name one symbol"
        )
    if not 0 <= start <= stop - 2 or stop > len(panel):
        raise DataError(
            f"bars {start} … {stop} must hold at least two of the panel's {len(panel)}",
            mend="choose a longer period",
        )
    longest = max(one.slow for one in rules)
    seen = int((~panel.missing[: start + 1]).sum())
    if seen < longest:
        raise DataError(
            f"bar {start} lies within the warm-up: {seen} bars came up to it, {longest} are needed",
            mend="start later",
        )
