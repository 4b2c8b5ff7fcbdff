"""From a panel to the records of the market step."""

from __future__ import annotations

from ...domain.simulation.records import AssetBar, AssetTerms
from .panel import MarketPanel
from .row import panel_rows


def asset_terms(panel: MarketPanel) -> tuple[AssetTerms, ...]:
    """Return what each instrument of ``panel`` brings into the step, in column order."""
    return tuple(AssetTerms.of(instrument) for instrument in panel.instruments)


def asset_bars(panel: MarketPanel, index: int, maker_wait: int) -> tuple[AssetBar, ...]:
    """Return the bars of row ``index``, in column order; see ``panel_rows`` for ``maker_wait``."""
    return next(panel_rows(panel, index, index + 1, maker_wait)).bars
