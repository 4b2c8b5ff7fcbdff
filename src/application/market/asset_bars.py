"""From a panel's rows to the records of the market step."""

from __future__ import annotations

from ...domain.market import BarState
from ...domain.simulation.records import AssetBar, AssetTerms, interpolate_wait
from .panel import MarketPanel


def asset_terms(panel: MarketPanel) -> tuple[AssetTerms, ...]:
    """Return what each instrument of ``panel`` brings into the step, in column order."""
    return tuple(AssetTerms.of(instrument) for instrument in panel.instruments)


def asset_bars(panel: MarketPanel, index: int, maker_wait: int) -> tuple[AssetBar, ...]:
    """Return the bars of row ``index``, in column order.

    Args:
        maker_wait: How long a resting limit waits, seconds; what the market does meanwhile is
            interpolated from the bar's own prices.
    """
    bar_s = panel.timeframe.seconds
    return tuple(
        _asset_bar(panel, index, column, maker_wait, bar_s)
        for column in range(len(panel.instruments))
    )


def _asset_bar(
    panel: MarketPanel, index: int, column: int, maker_wait: int, bar_s: int
) -> AssetBar:
    at = index, column
    open_, high = int(panel.open[at]), int(panel.high[at])
    low, close = int(panel.low[at]), int(panel.close[at])
    wait = interpolate_wait(open_, high, low, close, maker_wait, bar_s)
    return AssetBar(
        open_,
        high,
        low,
        close,
        volume=int(panel.volume[at]),
        missing=bool(panel.state[at] == BarState.MISSING),
        funding_open=int(panel.funding_open[at]),
        funding_inside=int(panel.funding_inside[at]),
        wait_low=wait.low,
        wait_high=wait.high,
        wait_price_buy=wait.price_buy,
        wait_price_sell=wait.price_sell,
    )
