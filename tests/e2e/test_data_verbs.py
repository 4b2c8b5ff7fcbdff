"""`mettle data …` as a user meets it: exit codes, streams, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mettle.entrypoints.cli.main import main
from tests.support.binance_http import FakeBinance, serve
from tests.support.candles import START

ROWS = "timestamp,open,high,low,close,volume\n" + "".join(
    f"2020-01-01 {hour:02d}:00:00,1.5,2.5,1.25,2.0,10\n" for hour in range(24) if hour != 5
)


class Cli:
    """The command line in a workspace of its own."""

    def __init__(self, home: Path, streams: pytest.CaptureFixture[str]) -> None:
        self.home, self.streams = home, streams
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        """Run `mettle -C HOME WORDS…` and return the exit code."""
        code = main(["-C", str(self.home), *words])
        self.out, self.err = self.streams.readouterr()
        return code

    def json(self, *words: str) -> dict[str, Any]:
        """Run with --json and return the data, an object."""
        data = self._data(words)
        assert isinstance(data, dict)
        return data

    def lines(self, *words: str) -> list[dict[str, Any]]:
        """Run with --json and return the data, a list of objects."""
        data = self._data(words)
        assert isinstance(data, list)
        return data

    def _data(self, words: tuple[str, ...]) -> object:
        self(*words, "--json")
        document: dict[str, object] = json.loads(self.out)
        assert document["schema"] == f"mettle.{words[0]}.{words[1]}/1"
        return document["data"]


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return the command line over a fresh workspace."""
    one = Cli(tmp_path / "ws", capsys)
    assert one("init") == 0
    return one


def test_import_list_check_prepare(cli: Cli, tmp_path: Path) -> None:
    """A file goes in with a report, is listed, judged (exit 1: a gap), and made into 4 hours."""
    file = tmp_path / "binance_BTCUSDT_1h.csv"
    file.write_text(ROWS)
    assert cli("data", "import", str(file)) == 0
    assert "23 × times without a zone read as UTC" in cli.out
    (line,) = cli.json("data", "list")["series"]
    assert (line["symbol"], line["bars"], line["missing"], line["first"]) == (
        "BTC/USDT",
        23,
        1,
        START,
    )
    assert cli("data", "check") == 1
    assert "1 bars missing in 1 gaps" in cli.out
    (verdict,) = cli.lines("data", "check")
    assert verdict["gaps"] == [
        {"first": START + 5 * 3_600_000, "last": START + 5 * 3_600_000, "bars": 1}
    ]
    assert cli("data", "check", "--allow-missing", "5") == 0
    assert cli("data", "prepare", "-t", "1h", "-t", "4h") == 0
    made = [one for one in cli.json("data", "list")["series"] if one["timeframe"] == "4h"]
    assert made[0]["bars"] == 5


def test_refusals_name_line_and_mend(cli: Cli, tmp_path: Path) -> None:
    """One bad file among good ones: the others are kept, the exit code is 2."""
    (tmp_path / "binance_BTCUSDT_1h.csv").write_text(ROWS)
    bad = tmp_path / "binance_ETHUSDT_1h.csv"
    bad.write_text(ROWS.replace("2.5", "-2.5", 1))
    assert cli("data", "import", str(bad)) == 2
    assert "line 2: prices must be positive" in cli.err
    assert "--bad drop" in cli.err
    assert cli("data", "import", str(tmp_path / "*.csv")) == 2
    assert "1 file refused, 1 imported" in cli.err
    assert len(cli.json("data", "list")["series"]) == 1


def test_synth_is_labelled(cli: Cli) -> None:
    """Everything printed of it says synthetic."""
    assert cli("data", "synth", "--assets", "2", "--bars", "300", "--seed", "4") == 0
    assert "SYNTHETIC" in cli.out
    assert all(one["synthetic"] for one in cli.json("data", "list")["series"])
    assert cli("data", "check", "SYN1/USDT") == 0


def test_get_downloads_and_resumes(cli: Cli) -> None:
    """Through the loopback venue; the second run asks for nothing."""
    with serve(FakeBinance(bars=50)) as venue:
        words = (
            "data",
            "get",
            "BTC/USDT",
            "-t",
            "1h",
            "--since",
            "2020-01-01",
            "--endpoint",
            venue.url,
        )
        assert cli(*words) == 0
        (line,) = cli.lines(*words)
        assert (line["bars"], line["new_bars"], line["inferred"]) == (49, 0, False)


def test_a_lake_elsewhere(cli: Cli, tmp_path: Path) -> None:
    """--lake takes the place of the workspace's."""
    lake = tmp_path / "other"
    assert cli("data", "synth", "--bars", "50", "--lake", str(lake)) == 0
    assert cli.json("data", "list")["series"] == []
    assert len(cli.json("data", "list", "--lake", str(lake))["series"]) == 4


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["check"], 3, "no bars are held"),
        (["check", "BTC/USDT"], 3, "no bars of BTC/USDT are held"),
        (["check", "nonsense"], 2, "unknown symbol"),
        (["check", "-t", "7m"], 2, "unknown timeframe"),
        (["prepare"], 3, "no bars are held"),
        (["import", "/nowhere/x.csv"], 3, "names no file of candles"),
        (["import"], 2, "missing argument"),
        (["get", "--venue", "nowhere"], 3, "knows no venue"),
        (["synth", "--bars", "0"], 2, "bars must lie in"),
        (["synth", "--mode", "wild"], 2, "wild"),
        (["list", "--lake", __file__], 2, "--lake must be a folder"),
    ],
)
def test_mistakes(cli: Cli, words: list[str], code: int, message: str) -> None:
    """The right exit code, one line that names what is wrong, nothing on stdout."""
    assert cli("data", *words) == code
    assert message in cli.err
    assert "Traceback" not in cli.err
    assert cli.out == ""


def test_a_damaged_file_is_named(cli: Cli) -> None:
    """A lake file that was cut off: exit 2, the path and what to do."""
    assert cli("data", "synth", "--bars", "50", "--assets", "1") == 0
    path = cli.home / "data" / "bars" / "SYN1_USDT" / "1h.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert cli("data", "list") == 2
    assert str(path) in cli.err
    assert "delete it" in cli.err
