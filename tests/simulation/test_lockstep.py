"""The trading session agrees exactly with the engines: decisions, fills, equity at every bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.policy_agent import PolicyAgent
from mettle.adapters.market_data.importers import FileImporter
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.simulation.reference import ReferenceEngine
from mettle.application.data.panel import GapPolicy as PanelGaps
from mettle.application.data.panel import assemble_panel
from mettle.application.market import MarketPanel
from mettle.application.ports.agent import Agent
from mettle.application.ports.bar_files import ImportedBars, ImportOptions
from mettle.application.strategies import EmaCross
from mettle.domain.simulation import ActionScheme, Execution, SimulationSettings, StopKind
from tests.support.candles import shared
from tests.support.learning import random_artefact
from tests.support.lockstep import compare, play
from tests.support.sessions import Moody, panel, start_of

SPOT = ("BTC/USDT", "ETH/USDT")
PERPETUALS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
MARGIN: dict[str, Any] = {"leverage": 5, "allow_short": True, "gross_limit": 40_000}


@dataclass(frozen=True)
class Case:
    """One market and one set of rules.

    Attributes:
        reasons: Fill reasons that must occur, or the case tests nothing.
    """

    settings: dict[str, Any]
    names: tuple[str, ...] = SPOT
    gaps: float = 0.0
    swing: float = 0.02
    reasons: tuple[int, ...] = (0,)


CASES = {
    "taker": Case({}),
    "maker": Case({"execution": Execution.MAKER, "maker_offset": 300}),
    "maker, whole bar": Case({"execution": Execution.MAKER, "maker_wait": 3600}),
    "market stops": Case({"stop_loss": 20_000, "trailing_stop": 30_000}, reasons=(0, 1, 2)),
    "limit stops": Case(
        {"stop_loss": 20_000, "stop_kind": StopKind.LIMIT, "stop_limit_offset": 1_000},
        reasons=(0, 1),
    ),
    "participation": Case({"participation": 100_000, "initial_cash": 10**14}),
    "gaps held": Case({"stop_loss": 20_000, "trailing_stop": 30_000}, gaps=0.1, reasons=(0, 1, 2)),
    "threshold": Case({"scheme": ActionScheme.THRESHOLD, "rebalance_band": 200}),
    "increment": Case({"scheme": ActionScheme.INCREMENT, "max_weight": 4_000}),
    "perpetuals": Case(
        MARGIN | {"stop_loss": 30_000, "trailing_stop": 50_000},
        PERPETUALS,
        gaps=0.03,
        reasons=(0, 1, 2),
    ),
    "margin": Case(
        MARGIN | {"leverage": 3, "gross_limit": 30_000, "soft_margin": 5_000, "hard_margin": 6_000,
                  "max_weight": 30_000, "ruin_level": 0},
        PERPETUALS,
        gaps=0.03,
        reasons=(0, 5),
    ),
    "liquidation": Case(
        MARGIN | {"leverage": 20, "gross_limit": 90_000, "max_weight": 30_000, "ruin_level": 0},
        PERPETUALS,
        swing=0.04,
        reasons=(0, 3),
    ),
    "ruin": Case(
        MARGIN | {"ruin_level": 8_000, "max_weight": 20_000}, PERPETUALS, reasons=(0, 4)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [1, 2])
def test_session_equals_both_engines(name: str, seed: int) -> None:
    """Under every rule of the step the session makes the same trades and the same money."""
    case = CASES[name]
    market = panel(300, case.names, seed=seed, gaps=case.gaps, swing=case.swing)
    agent = Moody()
    settings = SimulationSettings(**case.settings)
    played = play(market, agent, settings, MemoryStore())
    table = NativeFeatures(1).table(market, agent.feature_set)
    start = start_of(market, agent)
    for engine in (ReferenceEngine(), NativeEngine()):
        run = engine.run(market, table, agent, settings, start, len(market))
        assert compare(played, run, market) == []
    if seed == 1:
        assert set(case.reasons) <= {fill.reason for fill in played.fills}


AGENTS: dict[str, Agent] = {
    "ema-cross": EmaCross(3, 9),
    "ema-cross-short": EmaCross(3, 9, allow_short=True),
    "policy": PolicyAgent(random_artefact(assets=3, window=1)),
    "policy, window 4": PolicyAgent(random_artefact(assets=3, window=4)),
}


@pytest.mark.parametrize("name", AGENTS)
def test_rules_and_policies_decide_the_same(name: str) -> None:
    """A rule strategy and a network see the same inputs and give the same bits bar by bar."""
    market = panel(400, PERPETUALS, gaps=0.02, swing=0.01)
    agent = AGENTS[name]
    settings = SimulationSettings(leverage=3, allow_short=True, gross_limit=30_000)
    played = play(market, agent, settings, MemoryStore())
    table = NativeFeatures(2).table(market, agent.feature_set)
    run = NativeEngine().run(market, table, agent, settings, start_of(market, agent), len(market))
    assert compare(played, run, market) == []
    assert len(played.fills) > 20


def test_a_difference_is_found() -> None:
    """The comparison is no rubber stamp: another slippage, fee or action shows."""
    market = panel(200)
    agent = Moody()
    played = play(market, agent, SimulationSettings(), MemoryStore())
    table = NativeFeatures(1).table(market, agent.feature_set)
    start = start_of(market, agent)
    other = SimulationSettings(slippage=501)
    run = NativeEngine().run(market, table, agent, other, start, len(market))
    said = " ".join(compare(played, run, market))
    assert "fill" in said
    assert "equity" in said


def test_funding_is_booked_to_the_last_unit() -> None:
    """The session's funding is the engine's, and so is each mark's identity."""
    market: MarketPanel = panel(300, PERPETUALS, swing=0.01)
    agent = Moody()
    settings = SimulationSettings(**MARGIN)
    played = play(market, agent, settings, MemoryStore())
    table = NativeFeatures(1).table(market, agent.feature_set)
    run = NativeEngine().run(market, table, agent, settings, start_of(market, agent), len(market))
    funding = np.concatenate(([0], np.cumsum(run.funding.sum(axis=1))))
    assert [mark.funding for mark in played.marks] == funding.tolist()
    assert funding[-1] != 0
    for mark in played.marks:
        earned = mark.realised + mark.unrealised - mark.fees + mark.funding
        assert mark.equity == settings.initial_cash + earned


@pytest.mark.realdata
@pytest.mark.parametrize("kind", ["spot", "perpetual"])
def test_real_candles_too(kind: str) -> None:
    """Two thousand recorded hours of two markets, as they were: not a unit of difference."""
    stem = "binance_{}USDT_1h" if kind == "spot" else "binance-usdm_{}USDT-PERP_1h"
    paths = [shared("ohlcv", f"{stem.format(name)}.parquet") for name in ("BTC", "ETH")]
    files, options = FileImporter(), ImportOptions(venue="binance")
    read = [one for path in paths for one in files.read(path, options)]
    series = [one.series for one in read if isinstance(one, ImportedBars)]
    market = assemble_panel(series, gaps=PanelGaps.MARK)
    market = market.slice(len(market) - 2_000, len(market))
    short = kind == "perpetual"
    chosen = MARGIN if short else {"execution": Execution.MAKER}
    settings = SimulationSettings(**chosen, stop_loss=30_000)
    agent = EmaCross(allow_short=short)
    played = play(market, agent, settings, MemoryStore())
    table = NativeFeatures(1).table(market, agent.feature_set)
    run = NativeEngine().run(market, table, agent, settings, start_of(market, agent), len(market))
    assert compare(played, run, market) == []
    assert len(played.fills) > 1_000
