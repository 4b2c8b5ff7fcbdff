"""A sweep of EMA pairs: vectorbt plays all columns at once, mettle's lanes bar by bar."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
from mettle.adapters.simulation.native_sweep import NativeSweep
from mettle.application.strategies import EmaCross
from mettle.domain.simulation import SimulationSettings

from ._market import floats, handed_out, walk
from ._memory import growth
from ._race import Pace, race, rate
from ._rows import Goal, Row, Shown, absent, by_name, quickest
from ._worker import Worker

BARS = 200_000
PAIRS = list(itertools.product((5, 8, 12, 16), (26, 34, 42, 50, 60, 80, 100, 120)))
SHARE = 0.05
"""Of the peer's memory that ours may take."""
_FEE = 10
_EVALUATIONS = Shown("M bar-evaluations/s", 1e6)
_PEERS = ("vectorbt numba", "vectorbt rust")
_OURS = f"sweep of {len(PAIRS)} pairs"


def run(pace: Pace, bars: int = BARS) -> list[Row]:
    """Race sweeps of 32 pairs; memory is what the peak grew by in the first of them."""
    panel = walk(bars, 1, fee=_FEE)
    arrays = {"fee": np.array(_FEE * 1e-6), "pairs": np.array(PAIRS), "time": panel.open_time}
    play(1_000)
    ours = max(growth(partial(play, bars)), 4096) / 2**20  # a page at least
    with handed_out(**floats(panel), **arrays) as data, Worker("sweep", data) as peers:
        sides = {_OURS: rate(partial(play, bars), pace.seconds, bars * len(PAIRS))}
        sides |= {name: peers.rate(name, pace.seconds) for name in _PEERS}
        rates, absences = race(sides, pace.rounds)
        theirs = {name: peers.last[name]["grew_mb"] for name in rates if name in peers.last}
    best = quickest(rates, _PEERS)
    beside = by_name(rates, absences)
    return [
        *(
            beside(_OURS, _OURS, name, _EVALUATIONS, Goal(100) if name == best else None)
            for name in _PEERS
        ),
        _memory(ours, best, theirs, absences),
    ]


def play(bars: int) -> list[float]:
    """Return the final equity of every pair: averages and the whole event loop each."""
    settings = SimulationSettings(
        initial_cash=10**15, rebalance_band=500, slippage=_FEE, ruin_level=0
    )
    rules = [EmaCross(*pair) for pair in PAIRS]
    warm = max(one.slow for one in rules) - 1
    found = NativeSweep().sweep(walk(bars, 1, fee=_FEE), rules, settings, warm, bars)
    ends: list[float] = found.equity.tolist()
    return ends


def _memory(ours: float, best: str, theirs: dict[str, float], absences: dict[str, str]) -> Row:
    name, goal = f"{_OURS}: memory", f"≤ {SHARE:.0%} of the peer's"
    if best not in theirs:
        return absent(name, absences.get(best, "no peer"), goal)
    ratio = ours / theirs[best]
    return {
        "name": name,
        "value": ours,
        "unit": "MB",
        "peer": f"{best}: {theirs[best]:,.0f}",
        "ratio": ratio,
        "goal": goal,
        "share": SHARE / ratio,
        "verdict": "reached" if ratio <= SHARE else "short",
    }
