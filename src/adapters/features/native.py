"""Features from the native kernels.

Prices enter as whole ticks and volumes as whole lots. Sums and differences of them are exact; what
has the price's unit is multiplied by ``float(tick_size)`` once, at the end, volumes by
``float(lot_size)``. Stationary features are ratios in which those factors cancel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _native
from ...application.market import MarketPanel
from ...application.ports.feature_builder import BarUpdate, FeatureTable
from ...domain.errors import DataError
from ...domain.market import Instrument
from ...domain.signals.catalogue import check_features
from ...domain.signals.features import FeatureForm, FeatureSet

_MAX_TICKS = 2**50
_MAX_LOTS = 2**62
_FIELDS = ("open", "high", "low", "close", "volume")


class NativeFeatures:
    """The one set of kernels that every engine uses; implements ``FeatureBuilder``.

    Free of state; safe to share between threads.

    Args:
        threads: Most threads for a table; the values do not depend on it. 0 for one a processor.
    """

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads or os.cpu_count() or 1

    def known(self) -> Sequence[str]:
        """Return the names of the kernels."""
        return tuple(name for name, _ in _native.feature_kernels())

    def warmup(self, feature_set: FeatureSet) -> int:
        """Return how many bars an asset needs before its first valid row."""
        one = np.ones(1)
        return _engine(feature_set, one, one, 0, 1).warmup

    def table(self, panel: MarketPanel, feature_set: FeatureSet) -> FeatureTable:
        """Compute a whole panel.

        Raises:
            InvalidValue: If the set names an unknown kernel or wrong parameters.
            DataError: If a bar is beyond the kernels' range.
        """
        engine = _for_panel(panel, feature_set)
        bars = (panel.open, panel.high, panel.low, panel.close, panel.volume, panel.state)
        values, valid = engine.run(*bars, self._threads)
        return FeatureTable(feature_set, values, valid, engine.warmup)

    def stream(self, panel: MarketPanel, feature_set: FeatureSet) -> NativeStream:
        """Return a fresh stream for the panel's instruments; the panel's bars are not read.

        The first update is the bar that opens at ``panel.open_time[0]``.
        """
        return NativeStream(_for_panel(panel, feature_set))


class NativeStream:
    """Features bar by bar, one update an instant of the grid; implements ``FeatureStream``.

    Attributes:
        update: The engine's own method, without one of ours around it: a bar notices a call.
    """

    def __init__(self, engine: _native.FeatureEngine) -> None:
        self._engine = engine
        self.update: BarUpdate = engine.update

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Whether the last row is past warm-up and not missing, shape (A,)."""
        return self._engine.valid

    def snapshot(self) -> bytes:
        """Return the whole state: versioned, with what it belongs to and a checksum."""
        return self._engine.snapshot()

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`.

        Raises:
            DataError: If it is of another feature set or damaged; the stream is then as before.
        """
        try:
            self._engine.restore(state)
        except (TypeError, ValueError) as error:
            raise _refused(str(error)) from error


def _for_panel(panel: MarketPanel, feature_set: FeatureSet) -> _native.FeatureEngine:
    def sizes(of: Callable[[Instrument], object]) -> NDArray[np.float64]:
        return np.array([float(str(of(one))) for one in panel.instruments])

    return _engine(
        feature_set,
        sizes(lambda one: one.tick_size),
        sizes(lambda one: one.lot_size),
        int(panel.open_time[0]),
        panel.timeframe.milliseconds,
    )


def _engine(
    feature_set: FeatureSet,
    tick_size: NDArray[np.float64],
    lot_size: NDArray[np.float64],
    origin: int,
    step: int,
) -> _native.FeatureEngine:
    check_features(feature_set)
    rows = [
        (one.name, list(one.parameters), one.form is FeatureForm.STATIONARY)
        for one in feature_set.specs
    ]
    return _native.FeatureEngine(rows, tick_size, lot_size, origin, step, _refused)


def _refused(reason: str, *bars: NDArray[Any]) -> DataError:
    """Return what is raised; it names the first wrong bar where one is."""
    place = _first_fault(*bars) if "a bar breaks" in reason else ""
    return DataError(
        f"features refused their input: {reason}{place}",
        mend="use coarser ticks or lots, or mend the bars" if place else "",
    )


def _first_fault(
    open: NDArray[np.int64],
    high: NDArray[np.int64],
    low: NDArray[np.int64],
    close: NDArray[np.int64],
    volume: NDArray[np.int64],
    state: NDArray[np.uint8],
) -> str:
    wrong = (low < 1) | (low > open) | (low > close) | (high < open) | (high < close)
    wrong |= (high >= _MAX_TICKS) | (volume < 0) | (volume > _MAX_LOTS)
    where = tuple(int(one) for one in np.argwhere(wrong & (state != 0))[0])
    values = ", ".join(
        f"{name} {one[where]}"
        for name, one in zip(_FIELDS, (open, high, low, close, volume), strict=True)
    )
    row = f"bar {where[0]} of " if len(where) == 2 else ""
    return f"; {row}asset {where[-1]} has {values}"
