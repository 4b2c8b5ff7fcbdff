"""The calibrated synthetic market: puts volatility, returns, bars and funding together."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from ....application.ports.bar_store import BarSeries
from ....application.ports.randomness import Randomness
from ....application.ports.synthetic_market import SyntheticData, SyntheticMode, SyntheticRequest
from ....domain.errors import DataError
from ....domain.market import BarState, FeeSchedule, Instrument, Symbol
from . import bars, funding, returns, volatility

_FIRST_PRICES = ("40000", "2500", "150", "0.5")
_TICKS = ("0.01", "0.001", "0.0001", "0.0000001")
_LOTS = ("0.00001", "0.0001", "0.01", "1")
_HOURLY_TURNOVER = 20_000_000.0
"""Quote currency that an asset trades in an hour."""
_PULL_HALF_LIFE_H = 2 * 8760.0
_FEES = FeeSchedule.flat(1000, 1000)


class CalibratedSyntheticMarket:
    """A SyntheticMarket with the statistics of real hourly data.

    ``tests/simulation/test_synthetic_market.py`` holds it to them.
    """

    def generate(self, request: SyntheticRequest, randomness: Randomness) -> SyntheticData:
        """Return bars and funding; the same request and randomness give the same.

        Raises:
            DataError: If a price leaves the range of ticks (a martingale of many decades can).
        """
        names = request.names
        step = request.timeframe.milliseconds
        hours = step / 3_600_000
        times = request.start_ms + step * np.arange(request.bars, dtype=np.int64)
        vol = volatility.simulate(randomness.stream("volatility"), times, step, len(names))
        market = request.mode is SyntheticMode.MARKET
        shocks = returns.simulate(randomness.stream("returns"), vol, hours, bounce=market)
        value = shocks.value if market else returns.martingale(shocks.value)
        if request.mode is SyntheticMode.PLANTED:
            value = returns.planted(value, request.edge_bp * 1e-4)
        pull = 1.0 - 0.5 ** (hours / _PULL_HALF_LIFE_H) if market else 0.0
        log_price = returns.log_prices(value, pull)

        instruments = [_instrument(name, i) for i, name in enumerate(names)]
        first = np.array([_first_ticks(one, i) for i, one in enumerate(instruments)])
        if float(np.max(log_price + np.log(first))) > np.log(1e12):
            raise DataError("a generated price passed 10¹² ticks", mend="ask for fewer bars")
        close = bars.tick_prices(log_price, first)
        opening = np.concatenate([first[None, :], close[:-1]])
        rng = randomness.stream("bars")
        high, low = bars.ranges(rng, opening, close, shocks.volatility)
        relative = bars.volumes(rng, vol, shocks, times, step)
        lots = _lots(relative * hours, instruments)
        series = [
            BarSeries(
                instrument=instrument,
                timeframe=request.timeframe,
                open_time=times,
                open=np.ascontiguousarray(opening[:, i]),
                high=np.ascontiguousarray(high[:, i]),
                low=np.ascontiguousarray(low[:, i]),
                close=np.ascontiguousarray(close[:, i]),
                volume=np.ascontiguousarray(lots[:, i]),
                state=np.full(len(times), BarState.TRADED, dtype=np.uint8),
                source=f"synthetic market ({request.mode.value})",
                synthetic=True,
            )
            for i, instrument in enumerate(instruments)
        ]
        return SyntheticData(series, self._funding(request, randomness, names))

    def _funding(
        self, request: SyntheticRequest, randomness: Randomness, names: tuple[Symbol, ...]
    ) -> dict[Symbol, tuple[bars.Int64Array, bars.Int64Array]]:
        end = request.start_ms + request.bars * request.timeframe.milliseconds
        perpetuals = [name for name in names if name.is_perpetual]
        if not perpetuals:
            return {}
        time, rate = funding.settlements(
            randomness.stream("funding"), request.start_ms, end, len(perpetuals)
        )
        return {name: (time, np.ascontiguousarray(rate[:, i])) for i, name in enumerate(perpetuals)}


def _instrument(name: Symbol, index: int) -> Instrument:
    return Instrument(
        symbol=name,
        tick_size=Decimal(_TICKS[index % 4]),
        lot_size=Decimal(_LOTS[index % 4]),
        fees=_FEES,
        min_notional=Decimal(5),
        venue="synthetic",
    )


def _first_ticks(instrument: Instrument, index: int) -> int:
    return int(Decimal(_FIRST_PRICES[index % 4]) / instrument.tick_size)


def _lots(relative: volatility.Float64Array, instruments: list[Instrument]) -> bars.Int64Array:
    """Return volumes in lots: the hourly turnover at the first price, times ``relative``."""
    per_hour = np.array(
        [
            _HOURLY_TURNOVER / float(Decimal(_FIRST_PRICES[i % 4]) * one.lot_size)
            for i, one in enumerate(instruments)
        ]
    )
    lots: bars.Int64Array = np.rint(relative * per_hour).astype(np.int64)
    return lots
