"""Stress: the same agent and period when things go wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import NotFound
from ...domain.market import BarState
from ..backtest import BacktestRequest, BacktestResult, GapPolicy, run_backtest
from ..market import MarketPanel
from ..ports.randomness import Randomness
from ..ports.synthetic_market import SyntheticMarket, SyntheticMode, SyntheticRequest
from .ground import FloatArray, Tools

CRASH_FALL, CRASH_HOURS = 0.4, 24.0
"""Part of the price lost, and over how long, in the middle of the period; it does not come back."""
JUMP_DAYS, JUMP_SIZE = 15.0, 0.05
"""Mean days between jumps from a close to the next open, and their size, up or down."""
OUTAGE_DAYS, OUTAGE_BARS = 10.0, 4
"""Mean days between outages, and the bars that one takes away."""
CALM, WILD = 0.5, 2.0
"""Factors on every log-return."""

_LIMIT = 10**12
Int64Array = NDArray[np.int64]
Change = Callable[[BacktestRequest, "StressTools"], BacktestRequest]


@dataclass(frozen=True, slots=True)
class StressTools:
    """What scenarios need beyond the ports of a backtest."""

    tools: Tools
    synthetic: SyntheticMarket


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of trouble."""

    name: str
    meaning: str
    change: Change


@dataclass(frozen=True, slots=True)
class StressResult:
    """What became of the agent in one scenario."""

    scenario: Scenario
    result: BacktestResult


def run_stress(
    request: BacktestRequest, tools: StressTools, names: Sequence[str] = ()
) -> tuple[StressResult, ...]:
    """Backtest under each scenario; the first is always the period as it was.

    Args:
        names: Of :data:`SCENARIOS`; all if none.

    Raises:
        NotFound: If there is no scenario of a name.
    """
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise NotFound(f"no scenario {unknown[0]!r}", mend=f"use some of {', '.join(SCENARIOS)}")
    chosen = [one for one in SCENARIOS.values() if not names or one.name in names]
    if SCENARIOS["base"] not in chosen:
        chosen.insert(0, SCENARIOS["base"])
    parts = tools.tools.features, tools.tools.engine, tools.tools.randomness
    return tuple(
        StressResult(one, run_backtest(one.change(request, tools), *parts)) for one in chosen
    )


def reprice(panel: MarketPanel, at_open: FloatArray, at_close: FloatArray) -> MarketPanel:
    """Return the panel with opens and closes multiplied, highs and lows moved along.

    Args:
        at_open, at_close: Factors, shape (T, 1) or (T, A), positive.
    """

    def ticks(price: Int64Array, factor: FloatArray) -> Int64Array:
        moved = np.clip(np.rint(price * factor), 1, _LIMIT)
        return moved.astype(np.int64)

    opening, close = ticks(panel.open, at_open), ticks(panel.close, at_close)
    high = ticks(panel.high, np.maximum(at_open, at_close))
    low = ticks(panel.low, np.minimum(at_open, at_close))
    return replace(
        panel,
        open=opening,
        close=close,
        high=np.maximum(high, np.maximum(opening, close)),
        low=np.minimum(low, np.minimum(opening, close)),
    )


def _middle(request: BacktestRequest) -> int:
    """Return the bar in the middle of the period: history before it stays as it was."""
    opens, panel = request.panel.open_time, request.panel
    first = 0 if request.start_ms is None else int(np.searchsorted(opens, request.start_ms))
    stop = len(panel)
    if request.stop_ms is not None:
        stop = int(np.searchsorted(opens, request.stop_ms))
    return (first + stop) // 2


def _bars(panel: MarketPanel, hours: float) -> int:
    return max(1, round(hours * 3_600_000 / panel.timeframe.milliseconds))


def _crash(request: BacktestRequest, _tools: StressTools) -> BacktestRequest:
    panel, at = request.panel, _middle(request)
    fall = np.zeros(len(panel) + 1)
    fall[at : at + _bars(panel, CRASH_HOURS)] = 1.0
    log = np.cumsum(fall / fall.sum()) * np.log(1.0 - CRASH_FALL)
    factor: FloatArray = np.exp(log)[:-1, np.newaxis]
    before = np.concatenate((np.ones((1, 1)), factor[:-1]))
    return replace(request, panel=reprice(panel, before, factor))


def _jumps(request: BacktestRequest, tools: StressTools) -> BacktestRequest:
    panel = request.panel
    rng = tools.tools.randomness.stream("stress", "jumps")
    chance = 1.0 / _bars(panel, 24.0 * JUMP_DAYS)
    struck = rng.random(len(panel)) < chance
    down = np.log(1.0 - JUMP_SIZE)
    moved = np.where(rng.random(len(panel)) < 0.5, down, -down) * struck
    factor: FloatArray = np.exp(np.cumsum(moved))[:, np.newaxis]
    return replace(request, panel=reprice(panel, factor, factor))


def _outages(request: BacktestRequest, tools: StressTools) -> BacktestRequest:
    """Take whole bars away; a missing bar holds the previous close, as everywhere."""
    panel = request.panel
    rng = tools.tools.randomness.stream("stress", "outages")
    begun = rng.random(len(panel)) < 1.0 / _bars(panel, 24.0 * OUTAGE_DAYS)
    begun[:1] = False
    out = np.convolve(begun, np.ones(OUTAGE_BARS), "full")[: len(panel)] > 0
    rows = np.where(out, -1, np.arange(len(panel)))
    last = np.maximum.accumulate(rows)
    held = panel.close[np.maximum(last, 0)]

    def kept(values: Int64Array, otherwise: Int64Array) -> Int64Array:
        chosen: Int64Array = np.where(out[:, np.newaxis], otherwise, values)
        return chosen

    state = np.where(out[:, np.newaxis], np.uint8(BarState.MISSING), panel.state)
    gone = replace(
        panel,
        open=kept(panel.open, held),
        high=kept(panel.high, held),
        low=kept(panel.low, held),
        close=kept(panel.close, held),
        volume=kept(panel.volume, np.zeros_like(panel.volume)),
        state=state.astype(np.uint8),
    )
    return replace(request, panel=gone, gaps=GapPolicy.HOLD)


def _scaled(factor: float) -> Change:
    def change(request: BacktestRequest, _tools: StressTools) -> BacktestRequest:
        panel = request.panel
        base = panel.open[0].astype(np.float64)
        at_open: FloatArray = np.exp(np.log(panel.open / base) * (factor - 1.0))
        at_close: FloatArray = np.exp(np.log(panel.close / base) * (factor - 1.0))
        return replace(request, panel=reprice(panel, at_open, at_close))

    return change


@dataclass(frozen=True, slots=True)
class _Apart:
    """Streams of their own: the period itself may have been generated from the same seed."""

    source: Randomness

    def stream(self, *key: int | str) -> np.random.Generator:
        return self.source.stream("stress", *key)


def _generated(mode: SyntheticMode) -> Change:
    def change(request: BacktestRequest, tools: StressTools) -> BacktestRequest:
        panel = request.panel
        made = tools.synthetic.generate(
            SyntheticRequest(
                bars=len(panel),
                timeframe=panel.timeframe,
                start_ms=int(panel.open_time[0]),
                mode=mode,
                symbols=panel.symbols,
            ),
            _Apart(tools.tools.randomness),
        )
        columns: dict[str, Any] = {}
        for name in ("open", "high", "low", "close"):
            parts = [
                np.clip(
                    np.rint(getattr(one, name) * (panel.open[0, i] / one.open[0])), 1, _LIMIT
                ).astype(np.int64)
                for i, one in enumerate(made.series)
            ]
            columns[name] = np.stack(parts, axis=1)
        volume = np.stack([one.volume for one in made.series], axis=1)
        share = panel.volume.mean(axis=0) / np.maximum(volume.mean(axis=0), 1.0)
        columns["volume"] = np.rint(volume * share).astype(np.int64)
        whole = np.full_like(panel.state, np.uint8(BarState.TRADED))
        return replace(request, panel=replace(panel, **columns, state=whole, synthetic=True))

    return change


def _costs(fees: int, slippage: int) -> Change:
    def change(request: BacktestRequest, _tools: StressTools) -> BacktestRequest:
        old = request.costs
        name = f"{old.name}, fees × {fees}, slippage × {slippage}"
        dearer = replace(
            old,
            name=name,
            fee_factor=old.fee_factor * fees,
            slippage_factor=old.slippage_factor * slippage,
        )
        return replace(request, costs=dearer)

    return change


SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario("base", "the period as it was", lambda request, _tools: request),
        Scenario("fees", "fees × 2", _costs(2, 1)),
        Scenario("slippage", "slippage × 3", _costs(1, 3)),
        Scenario("crash", "a fall of 40 % within a day, in the middle, for good", _crash),
        Scenario("jumps", "jumps of 5 % between bars, every 15 days, up or down", _jumps),
        Scenario("outages", "four bars missing every 10 days, held through", _outages),
        Scenario("calm", "every return halved", _scaled(CALM)),
        Scenario("wild", "every return doubled", _scaled(WILD)),
        Scenario("synthetic", "a generated market instead", _generated(SyntheticMode.MARKET)),
        Scenario(
            "martingale",
            "a generated market without any edge",
            _generated(SyntheticMode.MARTINGALE),
        ),
    )
}
"""All scenarios by name, the undisturbed one first."""
