"""A sweep of EMA pairs."""

from __future__ import annotations

import itertools

import numpy as np

from ._market import floats, handed_out, walk
from ._race import Pace, race
from ._rows import Row, Shown, absent, figure
from ._worker import Worker

BARS = 200_000
PAIRS = list(itertools.product((5, 8, 12, 16), (26, 34, 42, 50, 60, 80, 100, 120)))
_FEE = 10
_EVALUATIONS = Shown("M bar-evaluations/s", 1e6)
_PEERS = ("vectorbt numba", "vectorbt rust")
_NONE = "mettle plays one pair after the other: it has no sweep"


def run(pace: Pace, bars: int = BARS) -> list[Row]:
    """Race sweeps of 32 pairs; memory is what the peak grew by in the first of them."""
    panel = walk(bars, 1, fee=_FEE)
    arrays = {"fee": np.array(_FEE * 1e-6), "pairs": np.array(PAIRS), "time": panel.open_time}
    with handed_out(**floats(panel), **arrays) as data, Worker("sweep", data) as peers:
        sides = {name: peers.rate(name, pace.seconds) for name in _PEERS}
        rates, absences = race(sides, pace.rounds)
    rows = [figure(f"peer {name}, 32 pairs", rates[name], _EVALUATIONS) for name in rates]
    rows += [absent(f"peer {name}", reason) for name, reason in absences.items()]
    return [*rows, absent("sweep of 32 pairs", _NONE, "≥ 100 ×, ≤ 5 % of the memory")]
