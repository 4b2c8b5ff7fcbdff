"""`mettle research` over a workspace with synthetic bars."""

from __future__ import annotations

import json
from pathlib import Path

import mettle
import pytest
from mettle.entrypoints.cli.main import main

SYMBOLS = ("-s", "SYN1/USDT")
GRID = ("--grid", "fast=3,8", "--grid", "slow=20,40")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with 1,200 hourly bars of one asset and few resamples."""
    folder = tmp_path_factory.mktemp("research") / "ws"
    with mettle.open(folder) as workspace:
        workspace.data.synth(assets=1, bars=1_200, keep=True)
    return folder


def _run(home: Path, *arguments: str) -> int:
    return main(
        ["-C", str(home), "--set", "backtest.resamples=30", "research", *arguments, *SYMBOLS]
    )


def test_cpcv_prints_the_verdict_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, then paths and splits; the exit code says that it is luck."""
    assert _run(home, "cpcv", "ema-cross", *GRID) == 1
    said = capsys.readouterr()
    assert said.out.startswith("not distinguishable from luck: 4 trials, deflated Sharpe ")
    assert "of 5 paths lost; purged 1 bars before, 39 + 11 after each test" in said.out
    assert "deflated Sharpe" in said.out
    assert "wanted ≥ 0.95: fails" in said.out
    assert "SYNTHETIC" in said.err


def test_cpcv_as_one_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Splits with their bars, paths with their intervals, the verdict with its criteria."""
    assert _run(home, "cpcv", "ema-cross", *GRID, "--trials", "50", "--json") == 1
    data = json.loads(capsys.readouterr().out)["data"]
    assert (len(data["splits"]), len(data["paths"]), data["members"]) == (15, 5, 4)
    assert data["verdict"]["started"] == 50
    assert data["plan"]["lookback"] == 39
    assert data["paths"][0]["sharpe"]["low"] < data["paths"][0]["sharpe"]["high"]
    assert {one["name"] for one in data["verdict"]["criteria"]} >= {"deflated Sharpe"}


def test_a_purge_that_leaves_too_little_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With advice, before anything is played."""
    assert _run(home, "cpcv", "ema-cross", "--horizon", "300") == 2
    assert "50% are needed · take a longer period" in capsys.readouterr().err
    assert _run(home, "cpcv", "ema-cross", "--grid", "fast") == 2
    assert "fast=5,10,20" in capsys.readouterr().err


def test_walk_forward_chooses_before_each_window(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And lists the windows."""
    spans = ("--train-span", "20d", "--test-span", "8d")
    assert _run(home, "walk-forward", "ema-cross", *GRID, *spans, "--json") == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert len(data["windows"]) >= 3
    assert all(one["agent"].startswith("ema-cross-") for one in data["windows"])


def test_stress_is_a_table_of_troubles(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The period as it was comes first."""
    assert _run(home, "stress", "ema-cross", "--scenarios", "crash,fees") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["scenario", "base", "fees", "crash"]
    assert _run(home, "stress", "ema-cross", "--scenarios", "flood") == 3


def test_lookahead_finds_nothing_in_what_is_shipped(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in the settings' features nor in a strategy's decisions."""
    assert _run(home, "lookahead", "--cuts", "3") == 0
    assert "nothing knows the future" in capsys.readouterr().out
    assert _run(home, "lookahead", "ema-cross", "--cuts", "3", "--json") == 0
    assert json.loads(capsys.readouterr().out)["data"]["clean"] is True
