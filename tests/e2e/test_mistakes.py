"""Common mistakes end with the right exit code, one line that names the mend, and no harm."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from tests.support.workspaces import call, fingerprint, spawn

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943\nsize 12345\n"

Prepare = Callable[[Path], None]


def nothing(_: Path) -> None:
    """Leave the workspace as it is."""


def write(name: str, text: str, mode: int = 0o644) -> Prepare:
    """Return a step that writes a file in the workspace."""

    def step(home: Path) -> None:
        (home / name).write_text(text, encoding="utf-8")
        (home / name).chmod(mode)

    return step


def setting(text: str) -> Prepare:
    """Return a step that adds to mettle.toml."""

    def step(home: Path) -> None:
        with (home / "mettle.toml").open("a", encoding="utf-8") as file:
            file.write(text)

    return step


def spoil(pattern: str, at: int = -40) -> Prepare:
    """Return a step that flips one byte of a file."""

    def step(home: Path) -> None:
        (path,) = home.glob(pattern)
        data = bytearray(path.read_bytes())
        data[at] ^= 0x55
        path.write_bytes(data)

    return step


def noise(home: Path) -> None:
    """Write bytes that are no text."""
    (home / "mettle.toml").write_bytes(bytes(range(128, 256)))


def cut(pattern: str) -> Prepare:
    """Return a step that cuts a file in half."""

    def step(home: Path) -> None:
        (path,) = home.glob(pattern)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return step


def empty_lake(home: Path) -> None:
    """Take all candles away."""
    shutil.rmtree(home / "data")


CANDLES = """timestamp,open,high,low,close,volume
2024-01-01,41998,41999,41997,41998,1
2024-01-02,41998,41999,41997,41998,1
2024-01-03,41998,41999,41997,41998,1
"""


def real_bars(home: Path) -> None:
    """Put bars that no generator made beside the synthetic ones, years after them."""
    lines = [f"{1704067200 + 3600 * i},41998,41999,41997,41998,1" for i in range(50)]
    path = home.parent / "BTC_USDT-1h.csv"
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]), encoding="utf-8")
    assert spawn(home, "data", "import", str(path)).returncode == 0


def words_for_prices(home: Path) -> None:
    """Write a Parquet file whose prices are words."""
    frame = pl.DataFrame({"timestamp": ["2024-01-01", "2024-01-02"], "open": ["one", "two"]})
    frame = frame.with_columns(high="open", low="open", close="open", volume="open")
    frame.write_parquet(home / "BTC_USDT-1d.parquet")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A command line that cannot be done.

    Attributes:
        line: The command line; HOME stands for the workspace.
        code: The exit code that it must have.
        said: What the message must contain.
        before: What happens to the workspace first.
        environment: Variables of the call.
    """

    name: str
    line: str
    code: int
    said: tuple[str, ...]
    before: Prepare = nothing
    environment: dict[str, str] = field(default_factory=dict)


MISTAKES = (
    Mistake("bad verb", "trian", 2, ("'trian'", "did you mean 'train'")),
    Mistake("bad verb of a noun", "models lst", 2, ("lst", "list")),
    Mistake("bad flag", "train -s x --frame 10", 2, ("--frame", "--frames", "--help")),
    Mistake("flag left out", "train", 2, ("--study", "--help")),
    Mistake("flag of a wrong type", "train -s x --frames many", 2, ("--frames", "many")),
    Mistake("seed below zero", "train -s x --seed -1", 2, ("training.seed", "-1")),
    Mistake("--set without value", "config show --set simulation", 2, ("KEY=VALUE",)),
    Mistake("--set of no key", "config show --set simulation.slipage=1", 2, ("slippage",)),
    Mistake("bad key", "status", 2, ("slipage", "toml:2", "slippage"),
            write("mettle.toml", "[simulation]\nslipage = 1\n")),
    Mistake("bad section", "status", 2, ("'marked'", "'market'"), setting("[marked]\nx = 1\n")),
    Mistake(
        "bad value", "status", 2, ("max_weight", "'12'", "mettle.toml:"),
        write("mettle.toml", "[simulation]\nmax_weight = 12\n"),
    ),
    Mistake("no TOML", "status", 2, ("not valid TOML", "correct"), write("mettle.toml", "[mar")),
    Mistake(
        "bad environment key", "status", 2, ("'trades'", "METTLE__TRADES__LOSS"),
        environment={"METTLE__TRADES__LOSS": "1"},
    ),
    Mistake(
        "bad environment value", "status", 2, ("training.frames", "'lots'", "unset"),
        environment={"METTLE__TRAINING__FRAMES": "lots"},
    ),
    Mistake("bad profile", "status --profile brave", 2, ("'brave'", "conservative")),
    Mistake(
        "open secrets", "status", 2, ("secrets.toml", "chmod 600"),
        write("secrets.toml", 'database_url = "sqlite:///x.db"\n', 0o644),
    ),
    Mistake("set an unknown key", "config set market.symbol A/B", 2, ("market.symbols",)),
    Mistake("set a bad value", "config set market.timeframe 2h", 2, ("'2h'", "nothing was")),
    Mistake("set a key of what is no text", "config set training.seed 1", 2,
            ("not valid TOML", "correct"), noise),
    Mistake("show an unknown key", "config show markets", 2, ("'market'",)),
    Mistake("not a workspace", "--home HOME/data status", 3, ("mettle.toml", "mettle init")),
    Mistake("no settings file", "--config HOME/no.toml status", 3, ("no.toml", "--config")),
    Mistake("init over settings", "init HOME -t 4h", 2, ("exists", "--overwrite", "config set")),
    Mistake("init with a bad symbol", "init HOME/new -s BTC", 2, ("'BTC'", "BASE/QUOTE")),
    Mistake("init on a file", "init HOME/mettle.toml", 2, ("is a file", "another folder")),
    Mistake("init where nothing can be", "init /proc/mettle", 1, ("/proc/mettle", "--home")),
    Mistake("demo in somebody's workspace", "demo HOME", 2, ("not the demo's", "another folder")),
    Mistake("symbol that is none", "train -s x --symbols BTC", 2, ("'BTC'", "BASE/QUOTE")),
    Mistake(
        "unknown symbol", "train -s x --symbols SYN1/USDC", 3, ("SYN1/USDC", "'SYN1/USDT'")
    ),
    Mistake("unknown timeframe", "train -s x -t 2h", 2, ("'2h'", "1m, 5m, 15m")),
    Mistake("timeframe not held", "train -s x -t 4h", 3, ("no 4h bars", "held at 1h")),
    Mistake("no data", "train -s x", 3, ("no 1h bars", "mettle data"), empty_lake),
    Mistake("name taken", "train -s steady", 2, ("'steady'", "--replace")),
    Mistake("name that cannot be", "train -s ../x", 2, ("'../x'", "a-z")),
    Mistake("name of a strategy", "train -s ema-cross", 2, ("is a strategy", "another name")),
    Mistake("too few bars", "train -s x --to 2020-01-03", 2, ("too few", "longer period")),
    Mistake(
        "gaps in training", "train -s x --symbols GAP/USDT", 2, ("lacks 10 bars", "segment")
    ),
    Mistake("missing model", "backtest stedy", 3, ("'stedy'", "'steady'")),
    Mistake("missing model shown", "models show stedy", 3, ("'stedy'", "'steady'")),
    Mistake("bad parameter", "backtest ema-cross:fsat=3", 2, ("'fsat'", "fast")),
    Mistake("from after to", "backtest ema-cross --from 2020-01-20 --to 2020-01-10", 2,
            ("from must lie before to", "2020-01-20")),
    Mistake("no date", "backtest ema-cross --from January", 2, ("'January'", "2024-01-31")),
    Mistake("period without bars", "backtest ema-cross --from 2031-01-01", 2, ("bars", "period")),
    Mistake("overlap", "backtest steady --from 2020-01-05", 2, ("trained", "--allow-overlap")),
    Mistake("other symbols", "backtest steady --symbols SYN2/USDT", 2, ("SYN1/USDT", "trained on")),
    Mistake(
        "gaps in a backtest", "backtest ema-cross --symbols GAP/USDT", 2, ("missing", "--gaps hold")
    ),
    Mistake("bad cost profile", "backtest ema-cross --cost-profile free", 2, ("binance", "stress")),
    Mistake(
        "tampered model", "backtest steady", 2, ("steady", "train again"),
        spoil("models/steady/*.safetensors"),
    ),
    Mistake("damaged manifest", "backtest steady", 2, ("model steady", "train again"),
            write("models/steady/manifest.json", "{")),
    Mistake(
        "damaged candles", "backtest ema-cross", 2, ("1h.parquet", "import"),
        cut("data/bars/SYN1_USDT/1h.parquet"),
    ),
    Mistake("bad path", "data import HOME/none.csv", 3, ("none.csv", "check the path")),
    Mistake(
        "corrupt Parquet", "data import HOME/BTC_USDT-1h.parquet", 2, ("BTC_USDT-1h.parquet",),
        write("BTC_USDT-1h.parquet", "PAR1 and then nothing of the kind PAR1"),
    ),
    Mistake(
        "LFS pointer", "data import HOME/BTC_USDT-1h.parquet", 2, ("LFS", "git lfs pull"),
        write("BTC_USDT-1h.parquet", LFS),
    ),
    Mistake(
        "words for prices", "data import HOME/BTC_USDT-1d.parquet", 2, ("'one'", "not a number"),
        words_for_prices,
    ),
    Mistake("paper without an agent", "paper run", 2, ("--model", "--strategy")),
    Mistake("capital of nothing", "paper run --strategy ema-cross --capital 0", 2,
            ("paper.capital", "greater than 0")),
    Mistake("capital below zero", "paper run --strategy ema-cross --capital -5", 2,
            ("paper.capital", "'-5'")),
    Mistake("capital in words", "paper run --strategy ema-cross --capital lots", 2,
            ("paper.capital", "'lots'", "number")),
    Mistake("generated bars beside real ones", "backtest ema-cross --symbols SYN1/USDT,BTC/USDT", 2,
            ("SYN1/USDT is synthetic, BTC/USDT is not", "one kind"), real_bars),
    Mistake("windows without walk-forward", "backtest ema-cross --test-span 10d", 2,
            ("--walk-forward",)),
    Mistake("download that ends before it begins",
            "data get --since 2024-02-01 --until 2024-01-01", 2, ("2024-02-01", "2024-01-01")),
    Mistake("download from the future", "data get --since 2190-01-01", 2, ("before now",)),
    Mistake("download of two lengths", "data get --since 2024-02-01 --last 3d", 2, ("not both",)),
    Mistake("bars after the calendar", "data synth --start 9999-12-01 --replace", 2, ("9999",)),
    Mistake("finer than held", "data prepare -t 15m", 3, ("held at 1h", "mettle data get")),
    Mistake("no common period", "data prepare -t 4h", 2,
            ("GAP/USDT 1h ends before BTC/USDT 1h", "belong together"), real_bars),
    Mistake("tick of nothing", "data import HOME/BTC_USDT-1d.csv --tick 0", 2, ("tick", "0.01"),
            write("BTC_USDT-1d.csv", CANDLES)),
    Mistake("unknown columns", "data import HOME/BTC_USDT-1d.csv --columns a,b", 2,
            ("a,b", "open,close,high,low"), write("BTC_USDT-1d.csv", CANDLES)),
    Mistake("price beyond reason", "data import HOME/BTC_USDT-1d.csv", 2, ("line 2", "1e+300"),
            write("BTC_USDT-1d.csv", CANDLES.replace("41999", "1e300"))),
    Mistake("another timeframe than the file's", "data import HOME/BTC_USDT-1h.csv -t 4h", 2,
            ("4h", "data prepare"),
            write("BTC_USDT-1h.csv", CANDLES.replace("2024-01-02", "2024-01-01T01:00"))),
    Mistake("two beginnings", "paper run --strategy ema-cross --last 3d --from 2020-01-05", 2,
            ("--last", "not both")),
    Mistake("bad costs on paper", "paper run --strategy ema-cross --cost-profile fre", 2,
            ("backtest.cost_profile", "binance", "'fre'")),
    Mistake("unknown run", "paper status run-7", 3, ("run-7",)),
    Mistake(
        "no database", "paper status", 1, ("mettle.db", "not a database"),
        write("mettle.db", "this is no database, however long it may be " * 40),
    ),
)  # fmt: skip


def check(mistake: Mistake, code: int, out: str, err: str) -> None:
    """Hold what was said and done against what must be."""
    assert code == mistake.code, err
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, err
    assert [part for part in mistake.said if part not in lines[0]] == [], lines[0]
    assert " · " in lines[0], "the message names no mend"
    assert out == ""


def arguments(mistake: Mistake, home: Path) -> list[str]:
    """Return the words of the command line."""
    words = mistake.line.replace("HOME", str(home)).split()
    named = {"--home", "--config", "init", "demo"} & set(words)
    return words if named else ["--home", str(home), *words]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.name)
def test_mistake(
    mistake: Mistake,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Right exit code, one line with the mend, nothing on stdout, nothing changed on disk."""
    mistake.before(home)
    for name, value in mistake.environment.items():
        monkeypatch.setenv(name, value)
    before = fingerprint(home)
    found = call(capsys, None, *arguments(mistake, home))
    check(mistake, found.code, found.out, found.err)
    assert fingerprint(home) == before


REAL = ("bad verb", "bad flag", "bad key", "not a workspace", "missing model", "no database")


@pytest.mark.parametrize(
    "mistake", [one for one in MISTAKES if one.name in REAL], ids=lambda one: one.name
)
def test_mistake_in_a_process_of_its_own(mistake: Mistake, home: Path) -> None:
    """The console script ends as the call in process does."""
    mistake.before(home)
    before = fingerprint(home)
    found = spawn(None, *arguments(mistake, home))
    check(mistake, found.returncode, found.stdout, found.stderr)
    assert fingerprint(home) == before


def test_full_disk(home: Path) -> None:
    """Candles that do not fit leave the lake as it was, exit 1, and say what to do."""
    before = fingerprint(home)

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    found = spawn(
        home, "data", "synth", "--assets", "1", "--bars", "5000", "--replace",
        preexec_fn=small_files,
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    assert "Traceback" not in found.stderr
    assert "free some space" in found.stderr
    assert fingerprint(home) == before


def test_full_disk_while_paper_trades(home: Path) -> None:
    """A database that cannot grow ends the run with exit 1; the rest stays readable."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    found = spawn(home, "paper", "run", "--strategy", "ema-cross", preexec_fn=small_files)
    assert found.returncode == 1, found.stderr
    assert "Traceback" not in found.stderr
    assert " · " in found.stderr
    assert spawn(home, "paper", "status").returncode == 0
