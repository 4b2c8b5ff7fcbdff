"""A small workspace with candles, a gap and a model, and the command line called in process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import mettle
import numpy as np
import pytest
from mettle.adapters.persistence.lake import ParquetBarStore
from mettle.application.learning.artefact import InstrumentTerms, PolicyArtefact
from mettle.application.learning.scaler import FeatureScaler
from mettle.application.ports.bar_store import BarSeries
from mettle.domain.market import Symbol, Timeframe
from mettle.entrypoints.cli.main import main
from mettle.entrypoints.market_data import MarketData
from mettle.entrypoints.workspace import Workspace
from tests.support.learning import random_artefact, random_network

BARS = 600
SYMBOLS = ("SYN1/USDT", "SYN2/USDT")
GAP = (300, 310)
MODEL = "steady"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str


def make_small_workspace(home: Path) -> None:
    """Make a workspace: two clean assets, one with a gap (GAP/USDT), one model, and a database."""
    workspace = mettle.open(home, settings={"market.symbols": list(SYMBOLS), "training.seed": 11})
    config = home / "mettle.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace('["BTC/USDT", "ETH/USDT"]', '["SYN1/USDT", "SYN2/USDT"]'), encoding="utf-8"
    )
    with workspace:
        data = workspace.data.synth(2, BARS, "1h", keep=True)
        bars = ParquetBarStore(home / "data")
        series = bars.read(Symbol.parse("SYN1/USDT"), Timeframe.parse("1h"))
        bars.write(_with_gap(series))
        artefact = _steady(data)
        workspace.container.artefacts().save(artefact)
        workspace.container.store()


def call(capsys: pytest.CaptureFixture[str], home: Path | None, *arguments: str) -> Outcome:
    """Run one command line in this process."""
    place = () if home is None else ("--home", str(home))
    capsys.readouterr()
    code = main([*place, *arguments])
    said = capsys.readouterr()
    return Outcome(code, said.out, said.err)


def spawn(
    home: Path | None, *arguments: str, cwd: Path | None = None, **more: object
) -> subprocess.CompletedProcess[str]:
    """Run one command line in a process of its own."""
    place = () if home is None else ("--home", str(home))
    command = [sys.executable, "-m", "mettle.entrypoints.cli.main", *place, *arguments]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # keywords pass through
        command, capture_output=True, text=True, check=False, cwd=cwd, **more
    )


def fingerprint(home: Path) -> dict[str, str]:
    """Return the hash of every file below, but SQLite's own side files."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def opened(home: Path) -> Workspace:
    """Open a workspace."""
    return mettle.open(home)


def _with_gap(series: BarSeries) -> BarSeries:
    keep = np.ones(len(series), dtype=bool)
    keep[slice(*GAP)] = False
    instrument = replace(series.instrument, symbol=Symbol.parse("GAP/USDT"))
    columns = {
        name: getattr(series, name)[keep]
        for name in ("open_time", "open", "high", "low", "close", "volume", "state")
    }
    return replace(series, instrument=instrument, **columns)


def _steady(data: MarketData) -> PolicyArtefact:
    """Return a policy with random weights that was “trained” on the first half of the bars."""
    base, panel = random_artefact(MODEL, assets=2, window=1), data.panel
    network = random_network(1 + 3 * 2 + 2 * 2, 8, 2, seed=3)
    manifest = replace(
        base.manifest,
        instruments=tuple(map(InstrumentTerms.of, panel.instruments)),
        timeframe=panel.timeframe,
        period=(int(panel.open_time[0]), int(panel.open_time[BARS // 2])),
        scaler=FeatureScaler(np.zeros((2, 2)), np.full((2, 2), 0.01)),
        sizes=network.sizes,
        window=1,
    )
    return PolicyArtefact(manifest, network)
