"""Edge: a campaign of PPO finds a planted edge, and says so.

The market is a martingale plus a drift of ``EDGE_BP`` a bar in the direction of the last bar. Being
long after a rise and out after a fall earns that drift; changing costs 15 bp a side. As the drift
exceeds that cost the sign is to be followed at once whatever the volatility: waiting a bar loses
more than the way back. So the optimum is known, and the oracle plays it under the same rules.

Each seed is one campaign of ``mettle study run`` on three years, judged walk-forward, and ``mettle
study finish``; the final model and the oracle then trade the three years after them, which no trial
has seen. Compared is log growth: compounding would turn a small difference into any ratio.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import mettle
import numpy as np
import plotly.graph_objects as go
from mettle.application.backtest import Provenance
from mettle.application.ports.synthetic_market import SyntheticMode
from mettle.domain.performance.selection import StudyVerdict
from mettle.domain.signals.catalogue import feature
from mettle.domain.signals.features import FeatureSet
from numpy.typing import NDArray

from . import Outcome
from ._plots import write_page
from .no_edge import clopper_pearson

EDGE_BP = 30.0
YEAR = 8760
LEAST_SHARPE, LEAST_SHARE = 5.0, 0.8
SYMBOL = "SYN1/USDT"
LAST_BAR = FeatureSet((feature("price_change"),))
_PLAIN: dict[str, object] = {
    "market.symbols": [SYMBOL],
    # All in or all out: between the two a Gaussian policy pays for its own trembling.
    "simulation.scheme": "threshold",
    "simulation.threshold": 0.05,
    # Three years of this edge at full stake would leave 64 bits.
    "simulation.max_weight": 0.25,
    "training.features": ["price_change"],
    "training.learner": "native",
    "training.threads": 1,
    "training.episode_length": 256,
    "training.ppo.hidden": [16, 16],
    # Of 2 million frames four times the steps of the default: too few, and a trial does nothing.
    "training.ppo.batch_size": 1024,
    "campaign.folds": 2,
    "campaign.holdout": 0.0,
    "campaign.workers": 2,
    "backtest.resamples": 0,
}


@dataclass(frozen=True, slots=True)
class Oracle:
    """Long after a rise, out after a fall; implements ``Agent``."""

    name: str = "oracle"
    feature_set: FeatureSet = LAST_BAR
    window: int = 1

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the action of one bar."""
        del portfolio
        row: NDArray[np.float32] = self.decide_batch(features)[-1]
        return row

    def decide_batch(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the actions of many bars: features (T, 1, 1) to actions (T, 1)."""
        return np.where(features[..., 0] > 0, 1.0, -1.0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Found:
    """What one campaign came to.

    Attributes:
        mine, best: Log growth of its choice and of the oracle over the unseen years.
        sharpe: The oracle's, net, a year.
    """

    seed: int
    verdict: StudyVerdict
    mine: float
    best: float
    sharpe: float
    seconds: float

    @property
    def share(self) -> float:
        """Part of the oracle's log growth."""
        return self.mine / self.best

    @property
    def holds(self) -> bool:
        """Whether the edge was found and said to be one."""
        return self.share >= LEAST_SHARE and self.verdict.distinguishable

    def line(self) -> str:
        """One line for people."""
        return (
            f"seed {self.seed}: {self.share:.1%} of the oracle ({self.mine:.2f} of {self.best:.2f} "
            f"log growth, its net Sharpe {self.sharpe:.1f}); {self.verdict.words}; "
            f"{self.seconds:.0f} s"
        )


def run(*, full: bool) -> Outcome:
    """Run campaigns: 10 seeds of 8 trials in full, one of 4 trials otherwise."""
    seeds, trials, frames = (10, 8, 2_000_000) if full else (1, 4, 1_000_000)
    found = []
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory(prefix="mettle-edge-") as folder:
            found.append(campaign(seed, trials, frames, Path(folder)))
        print(found[-1].line(), flush=True)
    hits = sum(one.holds for one in found)
    low, high = clopper_pearson(hits, seeds)
    place = Path(os.environ.get("METTLE_EVIDENCE", "build/evidence"))
    print(f"report: {_plot(found, place / 'edge.html')}")
    least = min(one.sharpe for one in found)
    figure = (
        f"{hits} of {seeds} campaigns earn at least {LEAST_SHARE:.0%} of the oracle's log growth "
        f"on 3 unseen years and are told from luck [{low:.0%}, {high:.0%}]; shares "
        f"{min(one.share for one in found):.1%} to {max(one.share for one in found):.1%}, the "
        f"oracle's net Sharpe at least {least:.1f}"
    )
    holds = hits >= math.ceil(0.8 * seeds) and least >= LEAST_SHARPE
    return Outcome(figure, "8 of 10, oracle's Sharpe at least 5", holds)


def campaign(seed: int, trials: int, frames: int, folder: Path) -> Found:
    """Run one campaign and let its choice trade on."""
    begun = time.monotonic()
    settings = _PLAIN | {
        "training.seed": seed,
        "training.frames": frames,
        "campaign.trials": trials,
    }
    with mettle.open(folder / "bot", settings=settings) as workspace:
        workspace.data.synth(
            assets=1, bars=6 * YEAR, keep=True, mode=SyntheticMode.PLANTED, edge_bp=EDGE_BP
        )
        bars = workspace.data.get([SYMBOL], "1h")
        seen, unseen = bars.split(int(bars.panel.open_time[3 * YEAR]))
        report = workspace.studies.run("edge", seen)
        if report.best is None:
            return Found(seed, report.verdict, 0.0, 1.0, 0.0, time.monotonic() - begun)
        final = workspace.studies.finish("edge")
        asked = workspace.trial(final.model, unseen)
        mine = workspace.judge(asked)
        best = workspace.judge(replace(asked, agent=Oracle(), provenance=Provenance()))
    growth = [math.log(float(one.nav[-1])) for one in (mine, best)]
    return Found(
        seed, report.verdict, growth[0], growth[1], best.sharpe or 0.0, time.monotonic() - begun
    )


def _plot(found: list[Found], path: Path) -> Path:
    figure = go.Figure()
    seeds = [f"seed {one.seed}" for one in found]
    figure.add_bar(x=seeds, y=[one.best for one in found], name="oracle", marker_color="#999999")
    figure.add_bar(
        x=seeds,
        y=[one.mine for one in found],
        name="the campaign's choice",
        marker_color=["#0072b2" if one.holds else "#d55e00" for one in found],
        text=[f"{one.share:.0%}" for one in found],
    )
    figure.add_scatter(
        x=seeds,
        y=[LEAST_SHARE * one.best for one in found],
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 40, "color": "#000000"},
        name=f"{LEAST_SHARE:.0%} of the oracle",
    )
    figure.update_layout(barmode="group", height=500, template="plotly_white")
    figure.update_yaxes(title="log growth over 3 unseen years")
    text = (
        f"One synthetic asset with {EDGE_BP:g} bp of drift a bar in the direction of the last bar, "
        "15 bp of costs a side, a quarter of the money at stake."
    )
    return write_page(path, "A planted edge, found", text, figure)
