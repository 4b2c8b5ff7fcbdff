"""Ending flat: what an open position would leave after costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...domain.simulation import AssetState, AssetTerms, FillReason, fee_of, move_position
from ...domain.simulation.fills import taker_quote
from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel
from ..ports.backtest_engine import FILL_DTYPE, EngineRun


def close_out(run: EngineRun, panel: MarketPanel, settings: SimulationSettings) -> EngineRun:
    """Return the run with everything sold at its last close, at taker slippage and fee.

    The rule is that of a ruin (docs/concepts/market-step.md): the last mark becomes the cash left.
    """
    held = np.flatnonzero(run.lots[-1]).tolist()
    if not held:
        return run
    states = open_positions(run, panel)
    bar, cash, rows = run.stop - 1, int(run.cash[-1]), []
    for asset in held:
        state, terms = states[asset], AssetTerms.of(panel.instruments[asset])
        side, lots = (-1 if state.lots > 0 else 1), abs(state.lots)
        quote = taker_quote(side, int(panel.close[bar, asset]), terms, settings.slippage)
        value = lots * quote.ticks * terms.unit_value
        fee = fee_of(value, quote.fee_ppm)
        realised = move_position(state, side, lots, quote.ticks, terms.unit_value)
        cash -= side * value + fee
        rows.append(
            (bar, asset, side, lots, quote.ticks, quote.reference, fee, realised, 0,
             int(FillReason.REBALANCE))
        )  # fmt: skip
    equity, balance, lots_held = run.equity.copy(), run.cash.copy(), run.lots.copy()
    equity[-1] = balance[-1] = cash
    lots_held[-1] = 0
    fills = np.concatenate((run.fills, np.array(rows, dtype=FILL_DTYPE)))
    return replace(run, equity=equity, cash=balance, lots=lots_held, fills=fills)


def open_positions(run: EngineRun, panel: MarketPanel) -> list[AssetState]:
    """Return what the fills of a run leave of each asset: lots and cost."""
    states = [AssetState() for _ in panel.instruments]
    units = panel.unit_values.tolist()
    for asset, state in enumerate(states):
        mine = run.fills[run.fills["asset"] == asset]
        # What came before the position was last flat has left nothing of it.
        flat = np.flatnonzero(np.cumsum(mine["side"] * mine["lots"]) == 0)
        rest = mine[flat[-1] + 1 :] if flat.size else mine
        columns = (rest[name].tolist() for name in ("side", "lots", "ticks"))
        for side, lots, ticks in zip(*columns, strict=True):
            move_position(state, side, lots, ticks, units[asset])
    return states
