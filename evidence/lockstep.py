"""Lockstep: the C++ backtest and the Python session trade the same bars to the same cent.

One agent, one market, one set of rules at a time: every action, every fill (side, lots, ticks, fee,
profit, reason) and the equity and cash at every close are compared; all money is integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.policy_agent import PolicyAgent
from mettle.adapters.market_data.synthetic import CalibratedSyntheticMarket
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.system import PhiloxRandomness
from mettle.application.data.panel import assemble_panel
from mettle.application.market import MarketPanel
from mettle.application.ports.agent import Agent
from mettle.application.ports.synthetic_market import SyntheticRequest
from mettle.application.strategies import EmaCross
from mettle.domain.simulation import Execution, SimulationSettings, StopKind
from tests.support.learning import random_artefact
from tests.support.lockstep import compare, play
from tests.support.sessions import Moody, panel, start_of

from . import Outcome

_STOPS: dict[str, Any] = {"stop_loss": 20_000, "trailing_stop": 30_000}
_MARGIN: dict[str, Any] = {"leverage": 5, "allow_short": True, "gross_limit": 40_000}
_RULES: dict[str, tuple[bool, dict[str, Any]]] = {
    "taker": (False, {}),
    "maker": (False, {"execution": Execution.MAKER, "maker_offset": 300}),
    "stops": (False, _STOPS),
    "participation": (False, {"participation": 1_000, "rebalance_band": 100}),
    "shorts and funding": (True, _MARGIN),
    "stop-limits on margin": (True, _MARGIN | _STOPS | {"stop_kind": StopKind.LIMIT}),
}
"""Name → whether on perpetuals, and the settings."""


@dataclass
class _Tally:
    """What was compared."""

    decisions: int = 0
    fills: int = 0
    marks: int = 0
    differences: int = 0


def run(*, full: bool) -> Outcome:
    """Compare session and engine under every rule; ``full`` is ten times as many bars."""
    bars = 8_000 if full else 800
    tally = _Tally()
    for name, market, agent, settings in _trials(bars):
        _compare(name, market, agent, settings, tally)
    figure = (
        f"{tally.differences} differences in {tally.decisions} decisions, {tally.fills} fills and "
        f"{tally.marks} marks"
    )
    return Outcome(figure, "0 differences", tally.differences == 0 and tally.fills > 0)


def _trials(bars: int) -> Iterator[tuple[str, MarketPanel, Agent, SimulationSettings]]:
    spot, perpetual = _synthetic(bars, perpetual=False), _synthetic(bars, perpetual=True)
    for name, (on_margin, chosen) in _RULES.items():
        settings = SimulationSettings(**chosen)
        market = perpetual if on_margin else spot
        short = bool(chosen.get("allow_short"))
        yield f"ema-cross, {name}", market, EmaCross(allow_short=short), settings
        policy = PolicyAgent(random_artefact(assets=len(market.instruments)))
        yield f"policy, {name}", market, policy, settings
    gapped = panel(bars, gaps=0.05)
    yield "moody, gaps held", gapped, Moody(), SimulationSettings(**_STOPS)


def _synthetic(bars: int, *, perpetual: bool) -> MarketPanel:
    request = SyntheticRequest(assets=2, bars=bars, perpetual=perpetual)
    made = CalibratedSyntheticMarket().generate(request, PhiloxRandomness(11))
    return assemble_panel(made.series, made.funding)


def _compare(
    name: str, market: MarketPanel, agent: Agent, settings: SimulationSettings, tally: _Tally
) -> None:
    played = play(market, agent, settings, MemoryStore())
    table = NativeFeatures(1).table(market, agent.feature_set)
    start = start_of(market, agent)
    engine = NativeEngine().run(market, table, agent, settings, start, len(market))
    found = compare(played, engine, market)
    tally.decisions += len(engine.actions)
    tally.fills += len(played.fills)
    tally.marks += len(played.marks)
    tally.differences += len(found)
    money = played.marks[-1].equity / 10**8
    print(f"{name}: {len(played.fills)} fills, equity {money:.2f}, {len(found)} differences")
    for one in found[:3]:
        print(f"  {one}")
