"""Our own learners learn as Stable-Baselines3 does: curves over seeds on two tasks.

One task has something to find: after a rise the market drifts up, after a fall down. In the other
there is nothing, and what is to be learnt is that trading costs: a martingale with fees. All
learners get the same jobs through the same port, with the same settings and seeds; each draws its
own noise. Of each a curve of the mean episode reward is kept, and at every eighth of the run the
95 % t-intervals over the seeds are compared. The claim: those of each of ours overlap with those of
Stable-Baselines3 at every one of these marks in both tasks, and all learners end above where they
began. As a control the native learner runs again
with a quarter of the learning rate; in the whole form its intervals must leave those of
Stable-Baselines3 somewhere, or overlapping would mean nothing.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.native_trainer import NativeTrainer
from mettle.adapters.learning.sb3_trainer import Sb3Trainer
from mettle.adapters.learning.torch_trainer import TorchTrainer
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.system import SystemClock
from mettle.application.ports.synthetic_market import SyntheticMode
from mettle.application.ports.trainer import PpoSettings, Trainer, TrainingJob, TrainingProgress
from mettle.domain.signals.catalogue import parse_feature
from mettle.domain.signals.features import FeatureSet
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from scipy.stats import t

from . import Outcome
from ._plots import write_page

MARKS = 8
LEVEL = 0.95
EDGE_BP = 60.0
FEATURES = FeatureSet((parse_feature("log_return(1)"), parse_feature("log_return(5)")))
SMALL = PpoSettings(
    environments=64,
    rollout=32,
    batch_size=512,
    learning_rate=2e-3,
    discount=0.5,
    initial_log_std=0.0,
    hidden=(16, 16),
)
WHOLE = replace(
    SMALL, environments=128, rollout=64, batch_size=2048, learning_rate=1e-3, hidden=(64, 64)
)
PEER, OURS = "Stable-Baselines3", ("native", "torch")
COLOURS = {PEER: "#1f77b4", "native": "#d62728", "torch": "#2ca02c", "control": "#999999"}


@dataclass(frozen=True, slots=True)
class Band:
    """Mean episode reward over the seeds: shape (marks,) each."""

    frames: NDArray[np.float64]
    mean: NDArray[np.float64]
    half: NDArray[np.float64]

    def overlaps(self, other: Band) -> int:
        """Return at how many marks the intervals of both have a point in common."""
        return int(np.sum(np.abs(self.mean - other.mean) <= self.half + other.half))

    @property
    def gain(self) -> float:
        """How far the last mark lies above the first."""
        return float(self.mean[-1] - self.mean[0])


def run(*, full: bool) -> Outcome:
    """Train all learners on both tasks; ``full`` is five seeds and the whole network."""
    seeds = range(1, 6 if full else 4)
    tasks = {
        "planted edge": SyntheticMode.PLANTED,
        "martingale with costs": SyntheticMode.MARTINGALE,
    }
    bands = {name: _task(mode, seeds, full=full) for name, mode in tasks.items()}
    agreed = sum(one[name].overlaps(one[PEER]) for one in bands.values() for name in OURS)
    strayed = sum(MARKS - one["control"].overlaps(one[PEER]) for one in bands.values())
    improved = all(one[name].gain > 0 for one in bands.values() for name in (PEER, *OURS))
    for name, band in bands.items():
        _print(name, band)
    print(f"curves: {_draw(bands)}")
    total = MARKS * len(bands) * len(OURS)
    return Outcome(
        f"{agreed} of {total} intervals over {len(seeds)} seeds overlap, "
        f"{'each' if improved else 'not every'} curve rises, the control strays at {strayed} marks",
        f"{total} of {total}, each rises" + (", control strays" if full else ""),
        agreed == total and improved and (strayed > 0 or not full),
    )


def _print(name: str, bands: dict[str, Band]) -> None:
    print(f"{name}: frames, then mean ± {LEVEL:.0%} interval of {', '.join(bands)}")
    for k in range(MARKS):
        cells = (f"{one.mean[k]:+.4f} ± {one.half[k]:.4f}" for one in bands.values())
        print(f"  {bands['native'].frames[k]:9,.0f}  " + "  ".join(cells))


def _task(mode: SyntheticMode, seeds: range, *, full: bool) -> dict[str, Band]:
    features, clock = NativeFeatures(1), SystemClock()
    native = NativeTrainer(features, clock)
    sb3 = Sb3Trainer(features, clock, torch_threads=1)
    tensors = TorchTrainer(features, clock, torch_threads=1)
    jobs = [_job(mode, seed, full=full) for seed in seeds]
    slow = [
        replace(one, ppo=replace(one.ppo, learning_rate=one.ppo.learning_rate / 4)) for one in jobs
    ]
    return {
        PEER: _band(sb3, jobs),
        "native": _band(native, jobs),
        "torch": _band(tensors, jobs),
        "control": _band(native, slow),
    }


def _job(mode: SyntheticMode, seed: int, *, full: bool) -> TrainingJob:
    ppo = WHOLE if full else SMALL
    # The bars are the same for every seed: what varies is the learning, not the market.
    panel = synthetic_panel(7, assets=1, bars=20_000, mode=mode, edge_bp=EDGE_BP)
    return TrainingJob(
        name="curves",
        panel=panel,
        feature_set=FEATURES,
        settings=SimulationSettings(),
        folder=Path(),
        frames=ppo.environments * ppo.rollout * (40 if full else 16),
        seed=seed,
        ppo=ppo,
        episode_length=ppo.rollout,
        threads=1,
    )


def _curve(trainer: Trainer, job: TrainingJob) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frames and mean episode reward at every mark."""
    seen: list[tuple[int, float]] = []

    def note(now: TrainingProgress) -> None:
        assert now.mean_reward is not None  # episodes are as long as rollouts
        seen.append((now.frames, now.mean_reward))

    with tempfile.TemporaryDirectory() as folder:
        trainer.train(replace(job, folder=Path(folder)), note)
    whole = np.array(seen, dtype=np.float64)
    every = len(whole) // MARKS
    return whole[::every, 0][:MARKS], whole[::every, 1][:MARKS]


def _band(trainer: Trainer, jobs: list[TrainingJob]) -> Band:
    curves = [_curve(trainer, one) for one in jobs]
    rewards = np.stack([one for _, one in curves])
    count = len(rewards)
    quantile = float(t.ppf((1 + LEVEL) / 2, count - 1))
    error = rewards.std(axis=0, ddof=1) / np.sqrt(count)
    return Band(curves[0][0], rewards.mean(axis=0), quantile * error)


def _draw(bands: dict[str, dict[str, Band]]) -> Path:
    figure = make_subplots(rows=1, cols=len(bands), subplot_titles=list(bands))
    for column, pair in enumerate(bands.values(), start=1):
        for name, band in pair.items():
            colour = COLOURS[name]
            around = {
                "x": np.concatenate([band.frames, band.frames[::-1]]),
                "y": np.concatenate([band.mean + band.half, (band.mean - band.half)[::-1]]),
            }
            figure.add_trace(
                go.Scatter(
                    **around,
                    fill="toself",
                    fillcolor=colour,
                    opacity=0.2,
                    line_width=0,
                    hoverinfo="skip",
                    showlegend=False,
                ),
                row=1,
                col=column,
            )
            figure.add_trace(
                go.Scatter(
                    x=band.frames, y=band.mean, name=name, line_color=colour, showlegend=column == 1
                ),
                row=1,
                col=column,
            )
    figure.update_xaxes(title_text="frames")
    figure.update_yaxes(title_text="mean episode reward")
    text = f"Mean over the seeds with {LEVEL:.0%} t-intervals; the bars are generated."
    folder = Path(os.environ.get("METTLE_EVIDENCE", "build/evidence"))
    return write_page(folder / "trainer-curves.html", "Three learners, one algorithm", text, figure)
