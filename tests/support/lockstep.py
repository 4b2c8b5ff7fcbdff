"""Playing a session and comparing it with an engine, figure by figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mettle.application.journal import DecisionRecord, EquityMark, FillRecord
from mettle.application.market import MarketPanel
from mettle.application.ports.agent import Agent
from mettle.application.ports.backtest_engine import EngineRun
from mettle.application.ports.unit_of_work import Store
from mettle.domain.simulation import SimulationSettings

from .sessions import RUN, session, start_of


@dataclass(frozen=True)
class Played:
    """What a session left in its store."""

    marks: Sequence[EquityMark]
    fills: Sequence[FillRecord]
    decisions: Sequence[DecisionRecord]


def play(market: MarketPanel, agent: Agent, settings: SimulationSettings, store: Store) -> Played:
    """Run a whole session and return what it wrote down."""
    session(market, agent, settings, store, start=start_of(market, agent)).run()
    return read(store)


def read(store: Store) -> Played:
    """Return what a run left in a store."""
    with store.reading() as unit:
        decisions = unit.decisions.latest(RUN, 10**9)
        return Played(list(unit.marks.all(RUN)), list(unit.fills.all(RUN)), decisions[::-1])


def compare(played: Played, run: EngineRun, market: MarketPanel) -> list[str]:
    """Return every difference between a session and an engine, in words; none is agreement."""
    marks = len(played.marks)
    stop = run.stop if run.ruined_at < 0 else run.ruined_at + 1
    expected = stop - run.start
    if marks != expected:
        return [f"{marks} marks, the engine has {expected}"]
    found = []
    for row, mark in enumerate(played.marks):
        for name, theirs in (("equity", run.equity[row]), ("cash", run.cash[row])):
            if getattr(mark, name) != theirs:
                found.append(f"bar {row}: {name} {getattr(mark, name)}, the engine has {theirs}")
    found += _fills(played.fills, run, market)
    return found + _actions(played.decisions, run)


def _fills(fills: Sequence[FillRecord], run: EngineRun, market: MarketPanel) -> list[str]:
    names = [str(symbol) for symbol in market.symbols]
    origin, step = int(market.open_time[0]), market.timeframe.milliseconds
    ours = [
        (
            (one.bar_time - origin) // step,
            names.index(one.symbol),
            one.side,
            one.lots,
            one.ticks,
            one.reference,
            one.fee,
            one.realised,
            int(one.maker),
            one.reason,
        )
        for one in fills
    ]
    theirs = [tuple(row) for row in run.fills.tolist()]
    found = [f"{len(ours)} fills, the engine has {len(theirs)}"] if len(ours) != len(theirs) else []
    pairs = zip(ours, theirs, strict=False)
    return found + [f"fill {mine}, the engine has {its}" for mine, its in pairs if mine != its]


def _actions(decisions: Sequence[DecisionRecord], run: EngineRun) -> list[str]:
    found = []
    for row, (decision, theirs) in enumerate(zip(decisions, run.actions.tolist(), strict=False)):
        for asset, action in zip(decision.assets, theirs, strict=True):
            if not math.isfinite(action):
                if asset.action is not None or asset.wanted is not None:
                    found.append(f"bar {row}: {asset.symbol} was no hold")
            elif asset.action != action:
                found.append(f"bar {row}: {asset.symbol} {asset.action}, the engine has {action}")
    return found
