"""`mettle research` over a workspace with synthetic bars."""

from __future__ import annotations

import json
from decimal import Decimal
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


def test_a_sweep_says_what_the_best_is_worth(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table, best first, and how much of it is selection; the figures are a backtest's."""
    assert _run(home, "sweep", "ema-cross", *GRID, "--top", "2") == 0
    said = capsys.readouterr()
    assert said.out.startswith("4 rules over 1,161 bars")
    assert "chosen by their luck too: without any skill a Sharpe ratio of" in said.out
    assert "SYNTHETIC" in said.err
    assert _run(home, "sweep", "ema-cross", *GRID, "--trials", "900", "--json") == 0
    data = json.loads(capsys.readouterr().out)["data"]
    rows = data["rules"]
    assert (len(rows), data["trials"], data["bars"]) == (4, 900, 1_161)
    assert rows[0]["sharpe"] == max(row["sharpe"] for row in rows)
    assert 0 <= data["deflated_sharpe"] < 0.5
    with mettle.open(home) as workspace:
        result = workspace.backtest("ema-cross:fast=3,slow=40", workspace.data.get(["SYN1/USDT"]))
    single = next(row for row in rows if row["name"] == "ema-cross-3-40")
    metrics = result.result.metrics
    assert single["total_return"] == pytest.approx(metrics.returns.total_return.value, rel=1e-9)
    assert single["sharpe"] == pytest.approx(metrics.returns.sharpe.value, rel=1e-9)
    deepest = metrics.figures()["max_drawdown"].value
    assert single["max_drawdown"] == pytest.approx(deepest, rel=1e-9)
    assert Decimal(single["fees"]) == result.result.costs.fee


def test_a_sweep_plays_one_rule_and_one_market(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other rules are sent to cpcv; too few trials are refused."""
    assert _run(home, "sweep", "buy-and-hold") == 2
    assert "use cpcv --grid" in capsys.readouterr().err
    assert _run(home, "sweep", "ema-cross", *GRID, "--trials", "3") == 2
    assert "at least as many were tried" in capsys.readouterr().err
