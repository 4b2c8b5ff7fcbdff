"""How the market's cost grows: threads, environments, assets, window, bars; and its memory.

Costs of axes with one thread are of the processor's time, which other work on the machine hardly
changes; those of threads are of the clock. An axis is measured in turns, all its points a round.
The plot goes to ``build/scaling.html``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evidence._plots import write_page

from .races import _memory
from .races._market import Stepper, batch
from .races._race import Pace, race, rate
from .races._rows import Row, absent, quartiles
from .races._sameness import THREADS, differing
from .races._worker import ROOT

ENVIRONMENTS = 4096
LIMIT = 1.2
"""Peak memory to the size of table and buffers."""
_MEMORY = (500_000, 10, ENVIRONMENTS)
_SPARE = 3
"""How many times what is to be held must be free before it is tried."""


@dataclass(frozen=True)
class Axis:
    """What is varied, all else held.

    Attributes:
        name: Of what is varied.
        points: Its values, rising.
        cost: What the cost is of: a ``step`` of one environment, or a ``call`` for all of them.
        rises: Whether a larger point is more work; its cost may then grow as fast, and no faster.
    """

    name: str
    points: tuple[int, ...]
    cost: str = "step"
    rises: bool = True

    def stepper(self, point: int) -> tuple[Stepper, int]:
        """Return what steps at a point, and the steps of environments in one call of it."""
        if self.name == "window":
            market = batch(20_000, 1, 1024, 1, "window", point)
        else:
            values = {"bars": 50_000, "assets": 4, "environments": ENVIRONMENTS, "threads": 1}
            bars, assets, environments, threads = (values | {self.name: point}).values()
            market = batch(bars, assets, environments, threads)
        return Stepper(market), market.environments


AXES = (
    Axis("threads", THREADS, rises=False),
    Axis("environments", (256, 1024, 4096, 16_384, 65_536), cost="call"),
    Axis("assets", (1, 2, 4, 8, 16, 32)),
    Axis("window", (4, 16, 64, 256, 1024)),
    Axis("bars", (5_000, 50_000, 500_000), rises=False),
)


def run(full: bool) -> list[dict[str, Any]]:
    """Measure every axis, whether threads change results, and memory.

    Args:
        full: More and longer rounds, more steps compared, and 500,000 bars of ten assets in memory.
    """
    pace = Pace(9, 0.5) if full else Pace(5, 0.08)
    rows: list[Row] = []
    for axis in AXES:
        rows += measured(axis, pace)
    rows.append(same(400 if full else 100))
    rows += memory(_MEMORY if full else (100_000, *_MEMORY[1:]))
    path = plot(rows)
    print(f"plot: {path}")
    return rows


def measured(axis: Axis, pace: Pace) -> list[Row]:
    """Return a row a point and, where a larger point is more work, one for the growth."""
    sides: dict[str, Callable[[], Any]] = {}
    for point in axis.points:
        step, work = axis.stepper(point)
        sides[str(point)] = rate(step, pace.seconds, work)
    readings, _ = race(sides, pace.rounds)
    rows: list[Row] = []
    costs = []
    for point in axis.points:
        found = readings[str(point)]
        times = [1e9 / (one.rate if axis.name == "threads" else one.cpu) for one in found]
        low, middle, high = quartiles(times)
        costs.append(middle * (point if axis.cost == "call" else 1))
        rows.append(
            {
                "name": f"{axis.name}: {point:,}",
                "axis": axis.name,
                "point": point,
                "value": middle,
                "unit": "ns a step",
                "spread": (high - low) / middle,
                "quartiles": [low, high],
                "cpu_value": 1e9 / statistics.median(one.cpu for one in found),
            }
        )
    return [*rows, grown(axis, costs)] if axis.rises else rows


def grown(axis: Axis, costs: Sequence[float]) -> Row:
    """Return the exponent with which the cost grows between the two largest points; 1 is linear.

    At the large end neither constant costs nor caches flatter it; a tenth is left for noise. The
    exponent through all points stands beside it.
    """
    x, y = [math.log(one) for one in axis.points], [math.log(one) for one in costs]
    exponent = slope(x[-2:], y[-2:])
    return {
        "name": f"cost of a {axis.cost} against {axis.name}: exponent at the large end",
        "value": exponent,
        "unit": "",
        "peer": f"through all points: {slope(x, y):.2f}",
        "goal": "≤ 1 (linear) + 0.1",
        "verdict": "reached" if exponent <= 1.1 else "short",
    }


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the slope of the least-squares line."""
    return statistics.linear_regression(x, y).slope


def same(steps: int) -> Row:
    """Return whether results differ between numbers of threads."""
    found = differing(steps)
    return {
        "name": f"results that differ on {', '.join(map(str, THREADS))} threads",
        "value": float(sum(found.values())),
        "unit": f"of {len(found)} kinds",
        "kinds": found,
        "goal": "0",
        "verdict": "reached" if not any(found.values()) else "short",
    }


def memory(shape: tuple[int, int, int]) -> list[Row]:
    """Return the peak of 4,096 environments, or of what this machine can hold, and why less."""
    bars, assets, environments = shape
    needed = _SPARE * bars * assets * 200
    name = f"peak memory, {environments:,} × {assets} assets × {bars:,} bars"
    if _memory.available() < needed:
        return [absent(name, f"{needed / 1e9:.1f} GB free memory are needed", f"≤ {LIMIT} ×")]
    half, whole = (_memory.measured(n, assets, environments) for n in (bars // 2, bars))
    must = (whole.table + whole.buffers) / 1e6
    added = (whole.grew - half.grew) / (whole.table - half.table)
    return [
        {
            "name": name,
            "value": whole.grew / 1e6,
            "unit": "MB",
            "peer": f"table and buffers: {must:.0f}",
            "ratio": whole.ratio,
            "goal": f"≤ {LIMIT} ×",
            "verdict": "reached" if whole.ratio <= LIMIT else "short",
        },
        {
            "name": "memory added to table added, second half of the bars",
            "value": added,
            "unit": "",
        },
        {
            "name": "whole process, libraries and arrays too",
            "value": whole.peak / 1e6,
            "unit": "MB",
        },
    ]


def plot(rows: Sequence[Row]) -> str:
    """Draw every axis, with the line of linear growth through its first point."""
    from plotly.subplots import make_subplots  # noqa: PLC0415  heavy, and last

    titles = [f"{axis.name} (cost of a {axis.cost})" for axis in AXES]
    figure = make_subplots(rows=2, cols=3, subplot_titles=titles)
    for number, axis in enumerate(AXES):
        place = {"row": number // 3 + 1, "col": number % 3 + 1}
        points = [row for row in rows if row.get("axis") == axis.name]
        x = [row["point"] for row in points]
        scale = [one if axis.cost == "call" else 1 for one in x]
        y = [row["value"] * one for row, one in zip(points, scale, strict=True)]
        figure.add_scatter(x=x, y=y, mode="lines+markers", name=axis.name, **place)
        if axis.rises:
            linear = [y[0] * one / x[0] for one in x]
            figure.add_scatter(x=x, y=linear, line={"dash": "dot"}, name="linear", **place)
        figure.update_xaxes(type="log", **place)
        figure.update_yaxes(type="log", title="ns", **place)
    figure.update_layout(height=700, showlegend=False)
    text = (
        "Nanoseconds of one step of one environment, or of a call for all of them; dotted is "
        "linear growth from the first point. Both axes are logarithmic."
    )
    return str(
        write_page(ROOT / "build" / "scaling.html", "Cost of the native market", text, figure)
    )
