"""The whole path on a generated market: what `mettle demo` plays, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..application.ports.trainer import TrainingProgress
from ..domain.errors import ConfigError
from .market_data import MarketData
from .places import CONFIG_NAME, find
from .results import Backtest, Model
from .scaffold import make_folders
from .settings import resolve
from .settings.edit import replace_file
from .workspace import Workspace

MARK = "# The workspace of `mettle demo`: everything in it is SYNTHETIC."
MODEL = "demo"
ASSETS = 4
BARS = 3000
PAPER_BARS = 60
_START_MS = 1_483_228_800_000
_TEST_SHARE = 0.25

_SETTINGS = f"""\
{MARK}

[market]
symbols = ["SYN1/USDT", "SYN2/USDT", "SYN3/USDT", "SYN4/USDT"]
timeframe = "1d"

[simulation]
initial_cash = 10000
slippage = "5 bp"
rebalance_band = "5 %"

[training]
frames = 100_000
seed = 1
episode_length = 128

[training.ppo]
environments = 128
rollout = 32
batch_size = 1024
learning_rate = 0.001
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step.

    Attributes:
        lines: What was done, in words.
        figures: The same for programs.
    """

    name: str
    lines: tuple[str, ...]
    figures: dict[str, Any]
    seconds: float = 0.0


Progress = Callable[[TrainingProgress], None]
Work = Callable[[], tuple[tuple[str, ...], dict[str, Any]]]


def prepare(home: Path) -> Workspace:
    """Make or take up the demo's workspace.

    Raises:
        ConfigError: If the folder holds something else; nothing is touched then.
    """
    config = home / CONFIG_NAME
    if config.is_file():
        if not config.read_text(encoding="utf-8").startswith(MARK):
            raise ConfigError(
                f"{home} is a workspace of its own, not the demo's",
                mend="name another folder: mettle demo FOLDER",
            )
    elif home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise ConfigError(
            f"{home} exists and is not the demo's", mend="name another folder: mettle demo FOLDER"
        )
    home.mkdir(parents=True, exist_ok=True)
    replace_file(config, _SETTINGS)
    make_folders(home)
    # Alone, so that the demo shows the same whatever the environment sets.
    return Workspace(resolve(find(home), environment={}))


class Demonstration:
    """Plays the path; each step is done when it is yielded."""

    def __init__(self, workspace: Workspace, on_progress: Progress) -> None:
        self._workspace = workspace
        self._on_progress = on_progress
        self._data: MarketData | None = None
        self._model: Model | None = None
        self._result: Backtest | None = None
        self.report = workspace.resolved.reports / f"{MODEL}.html"

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order."""
        work: tuple[tuple[str, Work], ...] = (
            ("market", self._market),
            ("features", self._features),
            ("training", self._training),
            ("backtest", self._backtest),
            ("tear sheet", self._tear_sheet),
            ("paper", self._paper),
        )
        for name, call in work:
            begun = time.perf_counter()
            lines, figures = call()
            yield Step(name, lines, figures, time.perf_counter() - begun)

    @property
    def split_ms(self) -> int:
        """Where training ends and judging begins, Unix milliseconds."""
        return int(self.data.panel.open_time[int(BARS * (1 - _TEST_SHARE))])

    @property
    def data(self) -> MarketData:
        """The generated bars."""
        if self._data is None:
            self._data = self._workspace.data.synth(ASSETS, BARS, start_ms=_START_MS, keep=True)
        return self._data

    @property
    def result(self) -> Backtest:
        """The backtest, after its step."""
        if self._result is None:
            _, test = self.data.split(self.split_ms)
            self._result = self._workspace.backtest(self.model, test)
        return self._result

    @property
    def model(self) -> Model:
        """The model, after its step."""
        if self._model is None:
            train, _ = self.data.split(self.split_ms)
            study = self._workspace.train(
                train, study=MODEL, replace=True, on_progress=self._on_progress
            )
            self._model = study.best()
        return self._model

    def _market(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        data = self.data
        said = (
            f"generated {ASSETS} assets × {BARS:,} daily bars, {data.period}, with the volatility, "
            "jumps and correlation of real ones; no edge is put in"
        )
        return (said,), {"assets": ASSETS, "bars": BARS, "data_hash": data.panel.data_hash}

    def _features(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        wanted, builder = self._workspace.settings.training.feature_set(), self._workspace.container
        table = builder.features().table(self.data.panel, wanted)
        values = table.values.size
        said = (
            f"{len(wanted)} features × {ASSETS} assets × {BARS:,} bars = {values:,} values, "
            f"warm after {table.warmup} bars; training, backtest and paper use these same kernels"
        )
        return (said,), {"features": list(wanted.names), "values": values, "warmup": table.warmup}

    def _training(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        begun = time.perf_counter()
        manifest = self.model.manifest
        rate = manifest.frames / (time.perf_counter() - begun)
        said = (
            f"PPO, {manifest.frames:,} steps ({rate:,.0f} a second), on the bars before "
            f"{day(self.split_ms)} alone; kept as model {MODEL}, sha256 {manifest.digest[:12]}…"
        )
        return (said,), {"frames": manifest.frames, "digest": manifest.digest, "model": MODEL}

    def _backtest(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        costs = self.result.result.costs
        quote = self.result.result.quote
        paid = f"paid {costs.fee:,.2f} {quote} in fees, {costs.slippage:,.2f} in slippage"
        said = (f"from {day(self.split_ms)} on, bars that it never saw", self.result.verdict, paid)
        return said, self.result.summary

    def _tear_sheet(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        written = self._workspace.container.report_writer().write(self.result.result, self.report)
        return (str(written),), {"path": written}

    def _paper(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        panel = self.data.panel
        stretch = self.data.between(int(panel.open_time[len(panel) - PAPER_BARS]))
        run = self._workspace.paper(self.model, stretch)
        again = self._workspace.backtest(self.model, stretch)
        agree = run.equity == again.result.final_equity
        (last,) = run.decisions(limit=1)
        how = (
            f"the last {PAPER_BARS} bars one by one, each decision and fill written to the "
            f"database: {run.standing.fills} fills, equity {run.equity:,.2f} (run {run.run_id})"
        )
        same = "the same equity to the last 1e-8" if agree else "ANOTHER equity"
        said = (how, f"backtest of the same bars: {same}", f"last decision: {last.action}")
        return said, {
            "run": run.run_id,
            "equity": run.equity,
            "fills": run.standing.fills,
            "equals_backtest": agree,
        }


def day(time_ms: int) -> str:
    """Return the date of an instant, UTC."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d}"
