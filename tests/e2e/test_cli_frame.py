"""The command line's frame: exit codes, output, options that stand anywhere, doctor, status."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mettle.domain import errors
from mettle.entrypoints.cli.errors import guarded
from mettle.entrypoints.cli.main import VERBS, hoist
from mettle.entrypoints.cli.output import Output, Table, plain
from tests.support.workspaces import call, spawn

HEAVY = (
    "torch",
    "stable_baselines3",
    "ccxt",
    "polars",
    "plotly",
    "sqlalchemy",
    "numpy",
    "pydantic",
)


def raiser(error: BaseException) -> Callable[[], None]:
    """Return a call that fails."""

    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errors.ConfigError("a", mend="b"), 2, "error: a · b"),
        (errors.NotFound("a"), 3, "error: a · `mettle status`"),
        (errors.NotRunning("a"), 4, "error: a ·"),
        (errors.RefusedForSafety("a"), 5, "error: a ·"),
        (errors.VenueError("a"), 6, "error: a ·"),
        (errors.TimedOut("a"), 7, "error: a ·"),
        (errors.StorageError("a"), 1, "error: a ·"),
        (OSError(28, "No space left on device", "/x/y"), 1, "the disk is full: /x/y"),
        (FileNotFoundError(2, "No such file", "/x/y"), 1, "cannot use /x/y"),
        (MemoryError(), 1, "out of memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("the last checkpoint is kept"), 130, "the last checkpoint is kept"),
        (RuntimeError("odd"), 70, "a defect of mettle (RuntimeError: odd)"),
        (BrokenPipeError(), 0, ""),
        (SystemExit(3), 3, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_end_has_its_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind of failure ends as one line, with its exit code and no traceback."""
    assert guarded(raiser(error), debug=False) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_a_defect_leaves_its_traceback_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """The message of a defect names a file that holds the traceback."""
    assert guarded(raiser(ZeroDivisionError("deep")), debug=False) == 70
    path = Path(capsys.readouterr().err.rsplit(" ", 1)[1].strip())
    text = path.read_text(encoding="utf-8")
    path.unlink()
    assert "Traceback" in text
    assert "ZeroDivisionError: deep" in text


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug the traceback of any error is shown before the line."""
    assert guarded(raiser(errors.NotFound("gone")), debug=True) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.strip().splitlines()[-1].startswith("error: gone")


def test_global_options_may_stand_anywhere() -> None:
    """Options before, between and after the verb are the same; what follows -- is left alone."""
    assert hoist(["data", "--json", "list", "-C", "x", "--set=a=1"]) == [
        *("--json", "-C", "x", "--set=a=1"),
        *("data", "list"),
    ]
    assert hoist(["a", "--", "--json"]) == ["a", "--", "--json"]
    assert hoist(["a", "--home"]) == ["--home", "a"]


def test_help_imports_no_verb_and_nothing_heavy() -> None:
    """`mettle --help` lists every verb without loading one."""
    code = (
        "import sys; from mettle.entrypoints.cli.main import main; main(['--help']); "
        f"print([one for one in {HEAVY!r} if one in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert [verb for verb in VERBS if f"  {verb} " not in done.stdout] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb explains itself, on stdout, with exit 0."""
    found = call(capsys, None, verb, "--help")
    assert found.code == 0
    assert f"Usage: mettle {verb}" in found.out


def test_no_verb_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a verb the help goes to stderr and the exit code is 2."""
    found = call(capsys, None)
    assert found.code == 2
    assert found.out == ""
    assert "Commands:" in found.err


@pytest.mark.parametrize(
    ("line", "schema"),
    [
        ("status", "mettle.status/1"),
        ("doctor", "mettle.doctor/1"),
        ("config show", "mettle.config.show/1"),
        ("config check", "mettle.config.check/1"),
        ("data list", "mettle.data.list/1"),
        ("models list", "mettle.models.list/1"),
        ("models show steady", "mettle.models.show/1"),
        ("backtest steady --no-report", "mettle.backtest/1"),
        ("backtest ema-cross --no-report", "mettle.backtest/1"),
    ],
)
def test_json_is_one_object(
    line: str, schema: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json stdout is one JSON object with its schema, and nothing else."""
    found = call(capsys, home, *line.split(), "--json")
    assert found.code == 0, found.err
    document = json.loads(found.out)
    assert set(document) == {"schema", "data"}
    assert document["schema"] == schema


def test_plain_output_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    """Off a terminal a table is lines of cells; an undefined figure is a dash."""
    Output().emit("x.y", {}, Table(("a", "b"), [("one", 1.23456), ("two", None)]))
    assert capsys.readouterr().out == "a\tb\none\t1.235\ntwo\t-\n"


def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    """Notes vanish with --quiet, details appear with --verbose, warnings always."""
    for output, said in (
        (Output(quiet=True), "warning: w\n"),
        (Output(), "n\nwarning: w\n"),
        (Output(verbose=True), "n\nd\nwarning: w\n"),
    ):
        output.note("n")
        output.detail("d")
        output.warn("w")
        assert capsys.readouterr().err == said


def test_progress_off_a_terminal_is_rare(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most one plain line in thirty seconds."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Output().progress("work", 100) as advance:
        for second in range(65):
            now[0] = float(second)
            advance(second, "left")
    assert capsys.readouterr().err == "work: 30 % left\nwork: 60 % left\n"


def test_json_of_what_json_does_not_know(tmp_path: Path) -> None:
    """Paths, tuples and exact amounts have a plain form."""
    assert plain(tmp_path) == str(tmp_path)
    assert plain((1, 2)) == [1, 2]


def test_a_reader_that_leaves_is_no_error(home: Path) -> None:
    """A closed pipe ends the command quietly."""
    command = f"{sys.executable} -m mettle.entrypoints.cli.main -C {home} config show | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "key\tvalue\n"
    assert done.stderr == ""


def test_no_colour_on_a_terminal(home: Path) -> None:
    """NO_COLOR keeps escape codes out of a terminal's table."""
    command = [
        "script",
        "-qec",
        f"{sys.executable} -m mettle.entrypoints.cli.main -C {home} data list",
    ]
    if shutil.which("script") is None:
        pytest.skip("`script` (util-linux) is not installed")
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
    done = subprocess.run(
        [*command, "/dev/null"], capture_output=True, text=True, check=True, env=environment
    )
    assert "SYN1/USDT" in done.stdout
    assert "\x1b[3" not in done.stdout


def test_doctor_fails_on_a_tampered_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer is no: exit 1, and the line names the mend."""
    assert call(capsys, home, "doctor").code == 0
    weights = next((home / "models").rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    found = call(capsys, home, "doctor", "--json")
    assert found.code == 1
    checks = {one["name"]: one for one in json.loads(found.out)["data"]["checks"]}
    assert checks["models"]["verdict"] == "failed"
    assert checks["models"]["mend"]
    assert checks["kernels"]["verdict"] == "ok"
    assert checks["data"]["verdict"] == "warning"  # GAP/USDT has a gap


def test_doctor_without_a_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The installation can be examined before there is a workspace."""
    found = call(capsys, tmp_path, "doctor")
    assert found.code == 0
    assert "mettle init" in found.out


def test_status_is_one_screen(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Data, models, runs and equity are all there, and synthetic bars are called so."""
    assert call(capsys, home, "paper", "run", "--strategy", "ema-cross", "--last", "3d").code == 0
    found = call(capsys, home, "status")
    assert found.code == 0
    for part in ("SYN1/USDT", "steady", "ema-cross", "USDT", "SYNTHETIC"):
        assert part in found.out
    assert len(found.out.splitlines()) <= 40


def test_init_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second init makes nothing, and says so."""
    home = tmp_path / "bot"
    assert call(capsys, None, "init", str(home)).code == 0
    text = (home / "mettle.toml").read_text(encoding="utf-8")
    found = call(capsys, None, "init", str(home), "--json")
    assert json.loads(found.out)["data"]["made"] == []
    assert (home / "mettle.toml").read_text(encoding="utf-8") == text


def test_the_nearest_workspace_upward_is_used(tmp_path: Path) -> None:
    """Inside a project no --home is needed."""
    home = tmp_path / "bot"
    spawn(None, "init", str(home))
    done = spawn(None, "config", "check", "--json", cwd=home / "data")
    assert json.loads(done.stdout)["data"]["file"] == str(home / "mettle.toml")


@pytest.mark.parametrize(
    ("period", "said"),
    [((), "no bars from"), (("--to", "2020-01-15"), "next: mettle backtest m --from 2020-01-15")],
)
def test_training_names_a_next_step_that_works(
    home: Path, capsys: pytest.CaptureFixture[str], period: tuple[str, ...], said: str
) -> None:
    """What saw every bar held cannot be judged, and is not said to be."""
    line = ("train", "-s", "m", "--frames", "512", "--set", "training.episode_length=64", *period)
    small = ("environments=8", "rollout=8", "batch_size=64", "epochs=1")
    sized = [word for one in small for word in ("--set", f"training.ppo.{one}")]
    found = call(capsys, home, *line, *sized)
    assert found.code == 0, found.err
    assert said in found.err


@pytest.mark.slow
def test_an_interrupted_training_says_what_is_kept(home: Path) -> None:
    """Ctrl-C ends a training with exit 130 and one line; the workspace stays whole."""
    command = [sys.executable, "-m", "mettle.entrypoints.cli.main", "-C", str(home)]
    child = subprocess.Popen(
        [*command, "train", "-s", "long", "--frames", "50_000_000"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    scalars = home / "runs" / "long"
    deadline = time.monotonic() + 60
    while not any(scalars.rglob("events.*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in err
    assert out == ""
    assert spawn(home, "models", "list").returncode == 0
