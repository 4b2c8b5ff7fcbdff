"""What the races count and how they tell it; and that our side of each runs in a tiny form."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import scaling, speed
from benchmarks.__main__ import table
from benchmarks.races import _worker, backtest, environment, features, publish
from benchmarks.races._market import Stepper, batch, walk
from benchmarks.races._race import Pace, race, rate
from benchmarks.races._rows import Goal, Shown, absent, beside, by_name, figure, quartiles, quickest
from benchmarks.races._sameness import differing
from benchmarks.races._worker import Absent, Reading, Worker

ROOT = Path(__file__).resolve().parents[2]
RATE = Shown("M/s", 1e6)
TIME = Shown("µs", 1e6, time=True)


def readings(*rates: float) -> list[Reading]:
    """Make readings whose processor was twice as quick as the clock."""
    return [Reading(one, 2 * one) for one in rates]


def test_a_rate_is_shown_as_itself_or_as_the_time_of_one() -> None:
    """Two million a second are 2 M/s, and half a microsecond each."""
    assert RATE(2e6) == 2
    assert TIME(2e6) == 0.5


def test_a_ratio_is_taken_round_by_round() -> None:
    """A slow round of the machine is slow for both and leaves the ratio as it is."""
    ours, theirs = readings(10e6, 1e6, 20e6), readings(5e6, 0.5e6, 10e6)
    row = beside("x", ours, RATE, ("peer", theirs), Goal(1.5))
    assert row["ratio"] == 2
    assert row["quartiles"] == [2, 2]
    assert row["verdict"] == "reached"
    assert row["share"] == pytest.approx(2 / 1.5)
    assert row["peer"] == "peer: 5"


@pytest.mark.parametrize(
    ("goal", "shown", "verdict", "share"),
    [
        (Goal(2, "least"), RATE, "short", 0.5),
        (Goal(1, "least"), RATE, "reached", 1.0),
        (Goal(2, "most"), TIME, "reached", 2.0),
        (Goal(0.5, "most"), TIME, "short", 0.5),
    ],
)
def test_a_goal_without_a_peer_is_a_bound(
    goal: Goal, shown: Shown, verdict: str, share: float
) -> None:
    """A million a second is half of 2 M/s, and 1 µs twice as good as 2 µs."""
    row = figure("x", readings(1e6, 1e6, 1e6), shown, goal)
    assert row["verdict"] == verdict
    assert row["share"] == pytest.approx(share)


def test_a_goal_is_told_in_words() -> None:
    """Ratios in times, bounds in the row's unit."""
    assert Goal(5).words("M/s") == "≥ 5 ×"
    assert Goal(25, "least").words("M/s") == "≥ 25 M/s"
    assert Goal(1.5, "most").words("µs") == "≤ 1.5 µs"


def test_quartiles_lie_between_the_values() -> None:
    """Of one value all three are that value."""
    assert quartiles([3.0]) == (3.0, 3.0, 3.0)
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 3.0, 4.0)


def test_a_missing_peer_is_a_row_with_its_reason() -> None:
    """No figure is made up for it, and the goal stands unreached."""
    row = by_name({"ours": readings(1.0)}, {"peer": "not installed"})
    found = row("x", "ours", "peer", RATE, Goal(2))
    assert found == absent("x, peer", "not installed", "≥ 2 ×")
    assert "value" not in found
    assert found["verdict"] == "not measured"


def test_the_quickest_way_to_run_a_peer_counts() -> None:
    """Where none ran, the first is named."""
    rates = {"a": readings(1.0, 9.0, 1.0), "b": readings(2.0, 2.0, 2.0)}
    assert quickest(rates, ("a", "b")) == "b"
    assert quickest({}, ("a", "b")) == "a"


def test_everyone_takes_turns() -> None:
    """Every other round is run backwards; who cannot run is left out from then on."""
    order: list[str] = []

    def side(name: str) -> Callable[[], Reading]:
        def measure() -> Reading:
            order.append(name)
            if name == "c":
                raise Absent("no c here")
            return Reading(1.0, 1.0)

        return measure

    rates, gone = race({name: side(name) for name in "abc"}, 3)
    assert "".join(order) == "abcbaab"
    assert set(rates) == {"a", "b"}
    assert gone == {"c": "no c here"}


def test_a_rate_counts_its_work() -> None:
    """At least one call is measured, after one that is not."""
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1

    reading = rate(call, 0.0, work=7)()
    assert calls == 2
    assert reading.rate > 0
    assert reading.cpu > 0


def test_an_environment_that_is_not_built_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mend is in the words."""
    monkeypatch.setattr(_worker, "BUILT", tmp_path)
    with (
        Worker("backtest", tmp_path / "data.npz") as worker,
        pytest.raises(Absent, match="bench-peers"),
    ):
        worker.measure("raptorbt, all metrics", 0.0)


def test_a_worker_answers_line_by_line(tmp_path: Path) -> None:
    """A peer that fails says why, the next one runs, and what peers print stays out of it."""
    script = (
        "from benchmarks.peers._worker import calls, serve\n"
        "def good():\n"
        "    print('a banner')\n"
        "    return calls(lambda: None, 3)\n"
        "def bad():\n"
        "    raise ImportError('no such peer')\n"
        "serve({'good': good, 'bad': bad}, ('numpy', 'no-such-package'))\n"
    )
    asked = "".join(json.dumps([name, 0.0]) + "\n" for name in ("bad", "good"))
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        input=asked,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    versions, bad, good = map(json.loads, done.stdout.splitlines())
    assert versions["versions"]["no-such-package"] == "not installed"
    assert bad["absent"] == "ImportError: no such peer"
    assert good["rate"] > 0


def test_columns_of_races_show_only_where_there_are_any() -> None:
    """A plain benchmark keeps its table."""
    plain = table([{"benchmark": "b", "name": "x", "value": 1.0, "unit": "s"}])
    raced = table([{"benchmark": "b", "name": "x", "goal": "≥ 2 ×", "quartiles": [1.0, 2.0]}])
    assert "verdict" not in plain
    assert "≥ 2 ×" in raced
    assert "1 … 2" in raced


def test_our_side_of_the_races_runs() -> None:
    """Few bars, no peers: everything that is raced works and keeps its fees."""
    assert len(backtest.whole(2_000).trades) > 0
    assert len(backtest.events(2_000).fills) > 0
    assert backtest.entries(2_000)
    assert Stepper(batch(300, 2, 8, 1)).market.environments == 8
    assert walk(300, 1, perpetual=True).instruments[0].symbol.is_perpetual
    assert {"environment", "training", "backtest", "sweep", "features", "decision"} == set(
        speed.RACES
    )


def test_every_peer_that_is_named_is_offered() -> None:
    """A name that no worker knows would be "not measured" for ever."""
    from benchmarks.peers import backtest as offered  # noqa: PLC0415  named as ours

    assert set(backtest._PEERS) | {"backtesting.py"} == set(offered.CASES)
    source = (ROOT / "benchmarks/peers/environment.py").read_text(encoding="utf-8")
    assert all(f'"{name}"' in source for name in (*environment._PEERS, *environment._ENVPOOLS))
    assert features.BARS == 1_000_000


def test_results_do_not_differ_between_threads() -> None:
    """A few steps of every kind of observation, features, and a learner's weights."""
    assert set(differing(3).values()) == {0}


def test_growth_is_judged_at_the_large_end() -> None:
    """A cost that doubles with its size is linear; one that quadruples is not."""
    axis = scaling.Axis("assets", (1, 2, 4))
    assert scaling.grown(axis, [5.0, 6.0, 12.0])["value"] == pytest.approx(1)
    assert scaling.grown(axis, [5.0, 6.0, 12.0])["verdict"] == "reached"
    assert scaling.grown(axis, [5.0, 6.0, 24.0])["verdict"] == "short"


def test_an_axis_is_measured_point_by_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row a point, and the growth where a larger point is more work."""
    monkeypatch.setattr(
        scaling.Axis, "stepper", lambda _, point: (Stepper(batch(300, point, 8, 1)), 8)
    )
    rows = scaling.measured(scaling.Axis("assets", (1, 2)), Pace(3, 0.0))
    assert [row["name"] for row in rows[:2]] == ["assets: 1", "assets: 2"]
    assert "exponent" in rows[2]["name"]
    assert len(scaling.measured(scaling.Axis("bars", (1, 2), rises=False), Pace(3, 0.0))) == 2


DOCUMENT = {
    "date": "2026-11-21T15:20:00+00:00",
    "machine": {"cores": 2, "cpu": "a CPU", "system": "Linux", "load": 1.0},
    "versions": {"python": "3.11.7"},
    "rows": [
        {
            "benchmark": "speed",
            "row": "backtest",
            "name": "whole",
            "value": 12.345,
            "unit": "M bars/s",
            "peer": "raptorbt: 2",
            "ratio": 6.17,
            "quartiles": [6.0, 6.5],
            "goal": "≥ 5 ×",
            "verdict": "reached",
        },
        {"benchmark": "speed", "row": "sweep", **absent("sweep", "not built", "≥ 100 ×")},
        {"benchmark": "speed", "row": "sweep", **absent("GPU", "none", "x"), "beyond_reach": True},
    ],
}


def test_the_page_gets_its_table() -> None:
    """Between the marks everything is new; what lies outside stays, and goals are counted."""
    page = "# Speed\n\n<!-- table -->\nold\n<!-- end -->\n\nWhy.\n"
    found = publish.rewritten(page, DOCUMENT, "speed")
    assert "old" not in found
    assert found.startswith("# Speed\n")
    assert found.endswith("<!-- end -->\n\nWhy.\n")
    assert "load 1 … 1. 1 of 2 goals reached." in found
    assert "| whole | 12.3 M bars/s | raptorbt: 2 | 6.17 (6 … 6.5) |  | ≥ 5 × | reached |" in found
    assert "not measured: not built" in found
    assert publish.rewritten(found, DOCUMENT, "speed") == found


def test_a_page_without_a_place_is_refused() -> None:
    """Nothing is lost silently."""
    with pytest.raises(ValueError, match="one table"):
        publish.rewritten("# Speed\n", DOCUMENT, "speed")


def test_the_pages_have_their_places() -> None:
    """Both measured pages can be rewritten."""
    for name in ("speed", "scaling"):
        page = ROOT / "docs" / "measured" / f"{name}.md"
        document = DOCUMENT | {"rows": [{"benchmark": name, "name": "x", "value": 1.0, "unit": ""}]}
        text = page.read_text(encoding="utf-8")
        assert "| x | 1 |" in publish.rewritten(text, document, name)
