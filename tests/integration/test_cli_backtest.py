"""`mettle backtest` over a workspace with synthetic bars."""

from __future__ import annotations

import json
from pathlib import Path

import mettle
import pytest
from mettle.entrypoints.cli.main import main

SYMBOLS = ("-s", "SYN1/USDT,SYN2/USDT")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with 1,500 hourly bars of two assets."""
    folder = tmp_path_factory.mktemp("backtest") / "ws"
    with mettle.open(folder) as workspace:
        workspace.data.synth(assets=2, bars=1_500, keep=True)
    return folder


def test_it_prints_one_object_and_writes_the_tear_sheet(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Schema, figures and the report's path on stdout, warnings on stderr."""
    code = main(["-C", str(home), "backtest", "ema-cross", *SYMBOLS, "--json"])
    said = capsys.readouterr()
    assert code == 0
    document = json.loads(said.out)
    assert document["schema"] == "mettle.backtest/1"
    data = document["data"]
    assert data["market"]["symbols"] == ["SYN1/USDT", "SYN2/USDT"]
    assert data["market"]["synthetic"] is True
    sharpe = data["metrics"]["figures"]["sharpe"]
    assert sharpe["low"] < sharpe["value"] < sharpe["high"]
    assert "warning: synthetic market" in said.err
    report = Path(data["report"])
    assert report.parent == home / "reports"
    assert "SYNTHETIC MARKET" in report.read_text("utf-8")


def test_people_get_verdict_figures_and_costs(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In words; the Sharpe ratio with its interval and the number of trades."""
    target = tmp_path / "sheet.html"
    line = ["-C", str(home), "backtest", "ema-cross:fast=5,slow=20", *SYMBOLS]
    assert main([*line, "--cost-profile", "coinbase+stress", "--report", str(target)]) == 0
    out = capsys.readouterr().out
    assert "cannot be told from 0" in out or "lies below 0" in out or "lies above 0" in out
    assert "trades; buy and hold" in out
    assert "costs (coinbase+stress), USDT" in out
    assert f"tear sheet: {target}" in out
    assert target.exists()


def test_walk_forward_lists_its_windows(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Window after window, and no file where none is wanted."""
    line = ["-C", str(home), "backtest", "ema-cross", *SYMBOLS, "--walk-forward", "--no-report"]
    assert main([*line, "--train-span", "20d", "--test-span", "10d", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert len(data["windows"]) == 4
    assert data["report"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nobody"], 3, "no model or strategy is called 'nobody'"),
        (["ema-cross", "--cost-profile", "bitmex"], 2, "coinbase"),
        (["ema-cross", "--gaps", "fill"], 2, "'refuse' or 'hold'"),
        (["ema-cross", "--from", "2030-01-01"], 2, "the data runs from"),
        (["ema-cross", "--walk-forward", "--test-span", "soon"], 2, "length of time"),
        (["ema-cross", "--walk-forward", "--test-span", "1h"], 2, "a window needs 2"),
        (["ema-cross", "--walk-forward", "--train-span", "9y"], 2, "one window needs"),
        (["ema-cross", "--report", "/proc/none/sheet.html"], 1, "cannot write"),
    ],
)
def test_mistakes_end_with_their_code_and_a_mend(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    """One line on stderr that names the mend, nothing on stdout."""
    assert main(["-C", str(home), "backtest", *arguments, *SYMBOLS]) == code
    said = capsys.readouterr()
    assert said.out == ""
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert " · " in errors[0]
