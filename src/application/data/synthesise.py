"""Synthesise: generated bars into the lake, always marked as such."""

from __future__ import annotations

from dataclasses import dataclass

from ..ports.bar_store import BarStore, StoredSeries
from ..ports.randomness import Randomness
from ..ports.synthetic_market import SyntheticMarket, SyntheticRequest


@dataclass(frozen=True, slots=True)
class SynthesiseBars:
    """The use case."""

    store: BarStore
    market: SyntheticMarket
    randomness: Randomness

    def __call__(
        self, request: SyntheticRequest, *, replace: bool = False
    ) -> tuple[StoredSeries, ...]:
        """Generate what is asked for and keep it.

        Raises:
            DataError: If real bars of a symbol are held; the two are never mixed.
            StorageError: If the disk cannot take it.
        """
        data = self.market.generate(request, self.randomness)
        stored = tuple(self.store.write(series, replace=replace) for series in data.series)
        for symbol, (time, rate) in data.funding.items():
            self.store.write_funding(symbol, time, rate)
        return stored
