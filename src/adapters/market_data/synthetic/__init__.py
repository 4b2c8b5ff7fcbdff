"""The synthetic market: the embedded default, since no candles are shipped."""

from __future__ import annotations

from ....application.data.panel import assemble_panel
from ....application.market import MarketPanel
from ....application.ports.synthetic_market import SyntheticMode, SyntheticRequest
from ....domain.market import Timeframe
from ...system import PhiloxRandomness
from .market import CalibratedSyntheticMarket

__all__ = ["CalibratedSyntheticMarket", "synthetic_panel"]


def synthetic_panel(
    seed: int,
    assets: int = 4,
    bars: int = 5000,
    timeframe: str = "1h",
    *,
    perpetual: bool = False,
    mode: SyntheticMode = SyntheticMode.MARKET,
    edge_bp: float = 10.0,
) -> MarketPanel:
    """Return a panel of generated bars; see :class:`SyntheticRequest` for the arguments."""
    request = SyntheticRequest(
        assets=assets,
        bars=bars,
        timeframe=Timeframe.parse(timeframe),
        perpetual=perpetual,
        mode=mode,
        edge_bp=edge_bp,
    )
    data = CalibratedSyntheticMarket().generate(request, PhiloxRandomness(seed))
    return assemble_panel(data.series, data.funding)
