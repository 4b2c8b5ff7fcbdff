"""Thirteen features over a million bars, and bar by bar."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mettle.adapters.features.native import NativeFeatures
from mettle.domain.signals.catalogue import daily_feature_set, default_feature_set

from ._market import floats, handed_out, walk
from ._race import Pace, race, rate
from ._rows import Goal, Row, Shown, by_name, figure
from ._worker import Reading, Worker

BARS = 1_000_000
_STREAMED = 512
_MILLION = Shown("ms a million bars", 1e9, time=True)
_BAR = Shown("ns a bar", 1e9, time=True)
_GOALS = {1: Goal(1.2), 8: Goal(3)}


def run(pace: Pace, bars: int = BARS) -> list[Row]:
    """Race tables of one asset and of eight, each with the same number of bars in all."""
    rows = []
    for assets, goal in _GOALS.items():
        arrays = floats(walk(bars // assets, assets))
        with handed_out(**arrays) as data, Worker("features", data) as peers:
            rows += _tables(pace, bars // assets, assets, goal, peers)
    streams = {
        assets: rate(_streamer(assets), pace.seconds, _STREAMED // assets * assets)
        for assets in (1, 8)
    }
    rates, _ = race({str(assets): one for assets, one in streams.items()}, pace.rounds)
    rows.append(
        figure("stream from Python, 14 features, 1 asset", rates["1"], _BAR, Goal(1_000, "most"))
    )
    rows.append(
        figure("the same, 8 assets: bar of an asset", rates["8"], _BAR, Goal(1_000, "most"))
    )
    return rows


def _tables(pace: Pace, bars: int, assets: int, goal: Goal, peers: Worker) -> list[Row]:
    panel = walk(bars, assets)
    sides: dict[str, Callable[[], Reading]] = {}
    for threads in (1, 2) if assets > 1 else (1,):
        table = partial(NativeFeatures(threads).table, panel, daily_feature_set())
        sides[f"{threads}"] = rate(table, pace.seconds, bars * assets)
    sides |= {name: peers.rate(name, pace.seconds) for name in ("TA-Lib", "numba, one pass")}
    rates, absences = race(sides, pace.rounds)
    beside = by_name(rates, absences)
    name = f"13 features, {assets} asset{'s' if assets > 1 else ''}"
    rows = [
        beside(f"{name}, 1 thread", "1", "TA-Lib", _MILLION, goal),
        beside(f"{name}, 1 thread", "1", "numba, one pass", _MILLION),
    ]
    if assets > 1:
        rows.append(beside(f"{name}, 2 threads", "2", "TA-Lib", _MILLION))
    return rows


def _streamer(assets: int) -> Callable[[], None]:
    """Return a call that streams so many bars on, whose rows are cut beforehand.

    Few enough for the caches: the arrays of a bar that has just come lie there as well. The same
    rows come again and again, as later bars of one stream.
    """
    panel = walk(_STREAMED // assets, assets)
    update = NativeFeatures(1).stream(panel, default_feature_set()).update
    fields = ("open", "high", "low", "close", "volume", "state")
    rows = list(zip(*(list(getattr(panel, name)) for name in fields), strict=True))

    def stream() -> None:
        for row in rows:
            update(*row)

    return stream
