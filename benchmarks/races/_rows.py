"""The rows of the table: a figure, what it is held against, and whether the goal is met."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ._worker import Reading

Row = dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """What the speed table promises of one row.

    Attributes:
        bound: The figure.
        kind: ``times`` as fast as the peer at least, or a figure of ours that is ``least`` or
            ``most`` what it may be.
    """

    bound: float
    kind: Literal["times", "least", "most"] = "times"

    def words(self, unit: str) -> str:
        """Return it as text."""
        sign = "≤" if self.kind == "most" else "≥"
        return f"{sign} {self.bound:g} {'×' if self.kind == 'times' else unit}"


@dataclass(frozen=True)
class Shown:
    """How a rate (work a second) is shown: divided by ``scale``, or as the time of one."""

    unit: str
    scale: float = 1.0
    time: bool = False

    def __call__(self, rate: float) -> float:
        """Return the figure of a rate."""
        return self.scale / rate if self.time else rate / self.scale


def figure(name: str, readings: Sequence[Reading], shown: Shown, goal: Goal | None = None) -> Row:
    """Return a row that stands alone; its ratio, with a goal, is that to the goal's bound."""
    row = _base(name, readings, shown)
    if goal is not None:
        values = [shown(one.rate) for one in readings]
        shares = [goal.bound / one if goal.kind == "most" else one / goal.bound for one in values]
        row |= {"peer": "the goal", **_ratio(shares), **_judged(shares, 1.0)}
        row["goal"] = goal.words(shown.unit)
    return row


def beside(
    name: str,
    readings: Sequence[Reading],
    shown: Shown,
    peer: tuple[str, Sequence[Reading]],
    goal: Goal | None = None,
) -> Row:
    """Return a row with a peer's readings in the same rounds; the ratio is ours to theirs."""
    row = _base(name, readings, shown)
    who, theirs = peer
    pairs = list(zip(readings, theirs, strict=True))
    ratios = [ours.rate / other.rate for ours, other in pairs]
    row["peer"] = f"{who}: {shown(statistics.median(one.rate for one in theirs)):,.4g}"
    row["peer_values"] = [shown(one.rate) for one in theirs]
    row |= _ratio(ratios)
    row["cpu_ratio"] = statistics.median(ours.cpu / other.cpu for ours, other in pairs)
    if goal is not None:
        row |= {"goal": goal.words(shown.unit), **_judged(ratios, goal.bound)}
    return row


def absent(name: str, reason: str, goal: str = "") -> Row:
    """Return the row of what could not be measured."""
    return {"name": name, "goal": goal, "verdict": "not measured", "why": reason}


def _base(name: str, readings: Sequence[Reading], shown: Shown) -> Row:
    values = [shown(one.rate) for one in readings]
    low, middle, high = quartiles(values)
    return {
        "name": name,
        "value": middle,
        "unit": shown.unit,
        "spread": (high - low) / middle,
        "values": values,
        "cpu_value": shown(statistics.median(one.cpu for one in readings)),
        "load": round(os.getloadavg()[0], 1),
    }


def _ratio(ratios: Sequence[float]) -> Row:
    low, middle, high = quartiles(ratios)
    return {"ratio": middle, "quartiles": [low, high]}


def _judged(ratios: Sequence[float], bound: float) -> Row:
    share = statistics.median(ratios) / bound
    return {"share": share, "verdict": "reached" if share >= 1 else "short"}


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile; of a single value it three times."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def by_name(rates: dict[str, list[Reading]], absences: dict[str, str]) -> Callable[..., Row]:
    """Return a maker of rows with a peer that says why, where the peer is not there."""

    def row(name: str, ours: str, peer: str, shown: Shown, goal: Goal | None = None) -> Row:
        if peer in absences:
            words = "" if goal is None else goal.words(shown.unit)
            return absent(f"{name}, {peer}", absences[peer], words)
        return beside(name, rates[ours], shown, (peer, rates[peer]), goal)

    return row


def quickest(rates: dict[str, list[Reading]], names: Sequence[str]) -> str:
    """Return the one with the highest median, where a peer may be run in several ways."""
    there = [name for name in names if name in rates]
    if not there:
        return names[0]
    return max(there, key=lambda name: statistics.median(one.rate for one in rates[name]))
