"""No edge: on martingales nothing is called skill, on a planted edge everything is.

One campaign is 40 EMA crosses on one generated market, its best trial judged over all forty. Three
kinds of campaign are counted: martingales with costs (the claim), the same without any cost
(harder: nothing eats the lucky ones), and a planted edge that a fast cross can follow (the control:
a judge that always says luck would pass the first two).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.system import PhiloxRandomness
from mettle.application.backtest import BacktestRequest, cost_profile
from mettle.application.ports.synthetic_market import SyntheticMode
from mettle.application.research import Ground, Tools, judge_family
from mettle.application.strategies import EmaCross
from mettle.domain.performance.selection import StudyVerdict
from mettle.domain.simulation import SimulationSettings
from plotly.subplots import make_subplots
from scipy.stats import beta

from . import Outcome
from ._plots import write_page

FAST = (2, 3, 5, 8, 12, 20, 30)
SLOW = (3, 4, 6, 10, 20, 40, 60, 80, 160)
FAMILY = tuple(EmaCross(fast, slow) for fast in FAST for slow in SLOW if fast < slow)[:40]
EDGE_BP = 30.0
"""Planted drift of a bar: the fastest crosses earn it several times over their costs."""
SETTINGS = SimulationSettings(max_weight=2_500)
"""Half of the money at most: three years of the planted edge would leave 64 bits otherwise."""
LEVEL = 0.95


@dataclass
class Count:
    """Campaigns of one kind."""

    name: str
    mode: SyntheticMode
    costs: str
    verdicts: list[StudyVerdict] = field(default_factory=list)

    @property
    def positive(self) -> int:
        """How many were told from luck."""
        return sum(one.distinguishable for one in self.verdicts)

    @property
    def rate(self) -> tuple[float, float]:
        """Clopper and Pearson's interval of the share that was told from luck."""
        return clopper_pearson(self.positive, len(self.verdicts))

    def line(self) -> str:
        """One line for people."""
        low, high = self.rate
        return (
            f"{self.name}: {self.positive} of {len(self.verdicts)} told from luck "
            f"[{low:.1%}, {high:.1%}]"
        )


def run(*, full: bool) -> Outcome:
    """Judge campaigns: 100 of each kind in full, 20 on shorter markets otherwise."""
    campaigns, bars = (100, 3 * 8760) if full else (20, 8760)
    kinds = [
        Count("martingale, with costs", SyntheticMode.MARTINGALE, "own"),
        Count("martingale, no costs", SyntheticMode.MARTINGALE, "zero"),
        Count(f"planted {EDGE_BP:g} bp, with costs", SyntheticMode.PLANTED, "own"),
    ]
    for kind in kinds:
        for seed in range(campaigns):
            kind.verdicts.append(campaign(1_000 + seed, kind.mode, kind.costs, bars))
        print(kind.line())
        print(f"  for example: {kind.verdicts[0].words}")
    path = _plot(kinds, bars)
    print(f"report: {path}")
    luck, free, control = kinds
    allowed = campaigns // 100  # one in a hundred
    refused = campaigns - luck.positive
    figure = (
        f"{refused} of {campaigns} martingale campaigns called luck ({campaigns - free.positive} "
        f"of {campaigns} without costs), {control.positive} of {campaigns} planted edges found; "
        f"false alarms at most {luck.rate[1]:.1%} with {LEVEL:.0%} confidence"
    )
    holds = (
        luck.positive <= allowed
        and free.positive <= allowed
        and control.positive >= campaigns - allowed
    )
    return Outcome(figure, "at least 99 of 100 each", holds)


def campaign(seed: int, mode: SyntheticMode, costs: str, bars: int) -> StudyVerdict:
    """Return the verdict on the family over one market of two assets."""
    panel = synthetic_panel(seed, assets=2, bars=bars, mode=mode, edge_bp=EDGE_BP)
    request = BacktestRequest(panel, FAMILY[0], SETTINGS, costs=cost_profile(costs), resamples=0)
    tools = Tools(NativeFeatures(1), NativeEngine(), PhiloxRandomness(seed))
    return judge_family(Ground.of(request, FAMILY, tools), FAMILY)


def clopper_pearson(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper & Pearson 1934)."""
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def _plot(kinds: list[Count], bars: int) -> Path:
    titles = [kind.line() for kind in kinds]
    figure = make_subplots(rows=len(kinds), cols=1, subplot_titles=titles, vertical_spacing=0.12)
    edges = {"start": 0.0, "end": 1.0, "size": 0.025}
    for row, kind in enumerate(kinds, start=1):
        for name, values in _values(kind):
            figure.add_trace(
                go.Histogram(x=values, xbins=edges, name=name, legendgroup=name,
                             showlegend=row == 1, opacity=0.6,
                             marker_color="#0072b2" if name.startswith("def") else "#e69f00"),
                row=row, col=1,
            )  # fmt: skip
        figure.add_vline(x=0.95, line_dash="dash", row=row, col=1)
    figure.update_layout(barmode="overlay", height=900, template="plotly_white")
    figure.update_xaxes(title="probability that the best trial beats luck; skill from 0.95 on")
    figure.update_yaxes(title="campaigns")
    text = (
        f"{len(FAMILY)} EMA crosses a campaign, two synthetic assets, {bars:,} hourly bars each. "
        "A campaign is told from luck only if both figures reach 0.95 and the probability of "
        "overfitting lies below one half."
    )
    folder = Path(os.environ.get("METTLE_EVIDENCE", "build/evidence"))
    return write_page(folder / "no-edge.html", "Is it luck?", text, figure)


def _values(kind: Count) -> Iterator[tuple[str, list[float]]]:
    for name, pick in (("deflated Sharpe", "deflated"), ("noise-floored", "floored")):
        found = [getattr(one, pick).value for one in kind.verdicts]
        yield name, [float(np.clip(one, 0.0, 1.0)) for one in found if one is not None]
