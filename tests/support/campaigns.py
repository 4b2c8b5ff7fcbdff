"""Small campaigns: definitions, attempts, and a workspace with bars to run them on."""

from __future__ import annotations

from pathlib import Path

import mettle
from mettle.application.campaign.definition import CampaignDefinition
from mettle.application.campaign.records import Footprint
from mettle.entrypoints.workspace import Workspace

FOOTPRINT = Footprint(16, 64)


def definition(study: str = "study", trials: int = 4, **more: object) -> CampaignDefinition:
    """Return a campaign of a rule strategy."""
    values: dict[str, object] = {
        "agent": "ema-cross",
        "symbols": ("SYN1/USDT",),
        "timeframe": "1h",
        "start_ms": 0,
        "stop_ms": 3_600_000 * 1000,
        "data_hash": "0" * 64,
        "seed": 1,
        "settings": {},
    }
    return CampaignDefinition(study=study, trials=trials, **{**values, **more})  # type: ignore[arg-type]  # by name


def workspace_with_bars(home: Path, bars: int = 2_000, **settings: object) -> Workspace:
    """Return a workspace whose lake holds one synthetic asset, and whose settings name it."""
    more = {name.replace("__", "."): value for name, value in settings.items()}
    found: Workspace = mettle.open(home, settings={"market.symbols": ["SYN1/USDT"], **more})
    found.data.synth(assets=1, bars=bars, keep=True)
    return found
