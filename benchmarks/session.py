"""The faithful session: bars a second of the real thing, on recorded bars and a simulated venue.

Measured is the whole use case ``start_paper``: data gate, features bar by bar, decision, sizing,
risk, order desk, venue, double entry, breakers, a journal of every bar, decision, order, fill and
mark, and at the end the proof of the whole ledger. The figure is bars a second of the wall clock;
beside it stands what a bar costs the processor, which other users of the machine hardly change.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.synthetic import CalibratedSyntheticMarket
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.system import PhiloxRandomness, SequentialIds, SystemClock
from mettle.adapters.system.kill_switch import FileKillSwitch
from mettle.adapters.venues.simulated import ReplayMarket
from mettle.application.backtest import BacktestRequest
from mettle.application.data.panel import assemble_panel
from mettle.application.market import MarketPanel
from mettle.application.ports.synthetic_market import SyntheticRequest
from mettle.application.ports.unit_of_work import Store
from mettle.application.session.paper import PaperDesk, PaperRequest, start_paper
from mettle.application.strategies import EmaCross
from mettle.domain.market import Timeframe
from mettle.domain.risk import RiskEngine, RiskProfile
from mettle.domain.simulation import SimulationSettings

BAND = 500
"""Changes under 5 % of equity are not traded, as anyone who pays fees would have it."""
GROUPED = 500
"""Bars a transaction where a crash may cost some, which are then played again."""


def run(full: bool) -> list[dict[str, Any]]:
    """Measure sessions of 1, 4 and 10 assets in memory and in SQLite.

    Args:
        full: Longer runs, and where the time of a bar goes.
    """
    bars, repeats = (20_000, 7) if full else (5_000, 3)
    panels = {assets: _panel(assets, bars) for assets in (1, 4, 10)}
    rows = []
    for assets, panel in panels.items():
        for kind in ("memory", "SQLite"):
            name = f"{assets} asset{'s' if assets > 1 else ''}, {kind}"
            rows += _measured(name, panel, kind, GROUPED, repeats)
    rows += _measured("1 asset, SQLite, durable bar by bar", panels[1], "SQLite", 1, repeats)
    return rows + (_breakdown(panels[1]) if full else [])


def play_one(bars: int) -> int:
    """Play one asset with its journal in memory; return the number of bars played."""
    with _desk("memory") as desk:
        return _play(desk, _panel(1, bars), GROUPED)[0]


@cache
def _panel(assets: int, bars: int) -> MarketPanel:
    request = SyntheticRequest(assets=assets, bars=bars, timeframe=Timeframe.parse("1h"))
    made = CalibratedSyntheticMarket().generate(request, PhiloxRandomness(1))
    return assemble_panel(made.series, made.funding)


@contextmanager
def _desk(kind: str) -> Iterator[PaperDesk]:
    here = Path("build") if Path("build").is_dir() else Path()
    with tempfile.TemporaryDirectory(dir=here, prefix="session-") as name:
        folder = Path(name)
        store: Store = MemoryStore() if kind == "memory" else SqlStore(folder / "mettle.db")
        desk = PaperDesk(
            NativeFeatures(1),
            ReplayMarket(),
            store,
            SystemClock(),
            SequentialIds(),
            RiskEngine(RiskProfile("none", leverage=None)),
            FileKillSwitch(folder / "kill"),
            MemoryNotifier(),
            "benchmark",
        )
        try:
            yield desk
        finally:
            store.close()


def _play(desk: PaperDesk, panel: MarketPanel, commit_every: int) -> tuple[int, int]:
    settings = SimulationSettings(initial_cash=10**15, rebalance_band=BAND, ruin_level=0)
    trial = BacktestRequest(panel, EmaCross(), settings)
    done = start_paper(PaperRequest(trial, commit_every=commit_every), desk)
    return done.bars, done.standing.fills


def _measured(
    name: str, panel: MarketPanel, kind: str, commit_every: int, repeats: int
) -> list[dict[str, Any]]:
    rates, costs, fills = [], [], 0
    for _ in range(repeats):
        with _desk(kind) as desk:
            wall, processor = time.perf_counter(), time.process_time()
            bars, fills = _play(desk, panel, commit_every)
            costs.append((time.process_time() - processor) / bars * 1e6)
            rates.append(bars / (time.perf_counter() - wall))
    return [
        {
            "name": name,
            "value": statistics.median(rates),
            "unit": "bars/s",
            "spread": f"{min(rates):,.0f} … {max(rates):,.0f}",
            "best": max(rates),
            "fills": fills,
        },
        {
            "name": f"{name}: processor",
            "value": statistics.median(costs),
            "unit": "µs a bar",
            "spread": f"{min(costs):,.0f} … {max(costs):,.0f}",
        },
    ]


def _breakdown(panel: MarketPanel) -> list[dict[str, Any]]:
    """Return which share of a profiled session each part of a bar has, with what it calls."""
    profile = cProfile.Profile()
    with _desk("memory") as desk:
        profile.runcall(_play, desk, panel, GROUPED)
    stats: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # documented, not typed
    spent = {
        part: sum(one[3] for key, one in stats.items() if key[0].endswith(file) and key[2] == name)
        for part, (file, name) in _PARTS.items()
    }
    whole = spent.pop("all")
    return [
        {"name": f"of a bar: {part}", "value": seconds / whole * 100, "unit": "%"}
        for part, seconds in spent.items()
    ]


_PARTS = {
    "all": ("session/session.py", "_turn"),
    "the venue's bar": ("simulated/venue.py", "advance"),
    "the bar as seen, hashed": ("session/recorder.py", "seen"),
    "fills and funding booked": ("execution/desk.py", "collect"),
    "the mark and its proof": ("session/books.py", "mark"),
    "breakers": ("session/guard.py", "marked"),
    "indicators": ("session/observer.py", "take"),
    "the agent": ("session/observer.py", "decide"),
    "sizing and the decision in words": ("session/decider.py", "decide"),
    "orders judged, written, sent; commits": ("session/session.py", "_send"),
}
