"""NautilusTrader: an EMA cross through its event-driven engine, with orders and fees."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import numpy as np

from ._worker import Measure, Reading, data, serve


def nautilus() -> Measure:
    """Set up an engine with all bars; every measurement is one run of a fresh strategy."""
    from nautilus_trader.backtest.engine import (
        BacktestEngine,
        BacktestEngineConfig,
    )
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money

    market = data()
    instrument = _instrument(market["fee"].item())
    kind = BarType.from_str(f"{instrument.id}-5-MINUTE-LAST-EXTERNAL")
    price, size = instrument.make_price, instrument.make_qty
    columns = [market[name][:, 0].tolist() for name in ("open", "high", "low", "close")]
    volume = market["volume"][:, 0].tolist()
    stamps = (market["time"] + 300_000).tolist()
    bars = [
        Bar(kind, price(o), price(h), price(low), price(c), size(v), t * 10**6, t * 10**6)
        for o, h, low, c, v, t in zip(*columns, volume, stamps, strict=True)
    ]
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        Venue("SIM"), OmsType.NETTING, AccountType.CASH, [Money(10**7, USDT)], base_currency=None
    )
    engine.add_instrument(instrument)
    engine.add_data(bars)
    periods = market["fast"].item(), market["slow"].item()

    def measure(seconds: float) -> Reading:
        del seconds  # one run is one measurement
        engine.reset()
        engine.clear_strategies()
        strategy = _strategy(instrument, kind, periods)
        engine.add_strategy(strategy)
        processor, begun = time.process_time(), time.perf_counter()
        engine.run()
        elapsed, spent = time.perf_counter() - begun, time.process_time() - processor
        found = strategy.entries
        return {"rate": len(bars) / elapsed, "cpu": len(bars) / spent, "entries": found}

    return measure


def _instrument(fee: float) -> Any:
    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.identifiers import InstrumentId, Symbol
    from nautilus_trader.model.instruments import CurrencyPair
    from nautilus_trader.model.objects import Price, Quantity

    return CurrencyPair(
        instrument_id=InstrumentId.from_str("BTCUSDT.SIM"),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=2,
        size_precision=4,
        price_increment=Price.from_str("0.01"),
        size_increment=Quantity.from_str("0.0001"),
        ts_event=0,
        ts_init=0,
        maker_fee=Decimal(str(fee)),
        taker_fee=Decimal(str(fee)),
    )


def _strategy(instrument: Any, kind: Any, periods: tuple[int, int]) -> Any:
    from nautilus_trader.indicators import (
        ExponentialMovingAverage,
    )
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.trading.strategy import Strategy

    class Cross(Strategy):
        """Long one coin while the fast average is above the slow one."""

        def on_start(self) -> None:
            """Ask for bars, and have the averages kept up."""
            self.entries: list[int] = []
            self.bar = -1
            self.fast, self.slow = (ExponentialMovingAverage(n) for n in periods)
            self.register_indicator_for_bars(kind, self.fast)
            self.register_indicator_for_bars(kind, self.slow)
            self.subscribe_bars(kind)

        def on_bar(self, bar: Any) -> None:
            """Turn where they cross."""
            del bar
            self.bar += 1
            if not self.indicators_initialized():
                return
            flat = self.portfolio.is_flat(instrument.id)
            if self.fast.value > self.slow.value:
                if flat:
                    self.entries.append(self.bar + 1)
                    self._send(OrderSide.BUY)
            elif not flat:
                self._send(OrderSide.SELL)

        def _send(self, side: Any) -> None:
            quantity = instrument.make_qty(np.float64(1))
            self.submit_order(self.order_factory.market(instrument.id, side, quantity))

    return Cross()


if __name__ == "__main__":
    serve({"NautilusTrader": nautilus}, ("nautilus_trader", "numpy"))
