"""`live run --dry-run` and the limits of runs, as somebody uses and mistakes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mettle.domain.errors import ConfigError
from tests.support.workspaces import call, opened

RULE = ("--strategy", "ema-cross:fast=3,slow=9")
DRY = ("live", "run", "--dry-run", *RULE, "--for", "3d")


def data(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> Any:  # noqa: ANN401  whatever the verb prints
    """Return what a verb prints with --json."""
    found = call(capsys, home, *words, "--json")
    assert found.code == 0, found.err
    return json.loads(found.out)["data"]


def test_a_dry_run_says_what_it_would_have_sent(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In JSON and in words: each order with its verdict; in the journal none is open or unknown."""
    found = data(capsys, home, *DRY, "--run-id", "dry")
    assert (found["mode"], found["sent"], found["fills"]) == ("DRY-RUN", 0, 0)
    assert found["profile"] == "strict"
    assert found["would_send"]
    one = found["would_send"][0]
    assert one["verdict"].startswith("cut: ")
    assert one["notional"].endswith(" USDT")
    assert (one["post_only"], one["time_in_force"]) == (True, "good till date")
    orders = data(capsys, home, "orders", "list", "-a", "dry", "-n", "500")["orders"]
    assert len(orders) == len(found["would_send"])
    assert {(one["state"], one["reason"]) for one in orders} == {("denied", "not sent (dry run)")}
    assert not data(capsys, home, "orders", "list", "--live", "-a", "dry")["orders"]
    decided = data(capsys, home, "decisions", "show", str(one["decided_at"]), "-a", "dry")
    assert decided["intents"][0]["verdict"].startswith("cut: ")
    why = data(capsys, home, "decisions", "list", "--why-not", "-a", "dry")["not_traded"]
    assert "denied: not sent (dry run)" in {one["why"] for one in why}
    risk = data(capsys, home, "risk", "show", "-a", "dry")
    assert (risk["kind"], risk["profile"]) == ("DRY-RUN", "strict")
    again = call(capsys, home, *DRY, "--run-id", "dry")
    assert again.code == 0
    assert "nothing was sent; " in again.out
    assert "held back" in again.out


def test_real_money_is_still_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --dry-run: exit 5, and the command that does the rest."""
    found = call(capsys, home, "live", "run", *RULE)
    assert found.code == 5
    assert "mettle live run --dry-run --strategy ema-cross:fast=3,slow=9" in found.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--for", "soon"), 2, "12h, 30d"),
        (("--for", "1h"), 2, "--for must hold at least 2 bars of 1h, was '1h'"),
        (("--profile", "stict"), 2, "did you mean 'strict'"),
        (("--profile", "daily", "--set", "risk.position=0"), 2, "risk.position"),
        (("--model", "steady"), 2, "either --model or --strategy"),
        (("--symbols", "SYN9/USDT"), 3, "SYN9/USDT"),
        (("--capital", "0"), 2, "capital"),
    ],
)
def test_mistakes_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    """Each with what is wrong; nothing was begun."""
    found = call(capsys, home, *DRY, *words)
    assert found.code == code, found.err
    assert said in found.err.replace("\n", " ")
    assert call(capsys, home, "paper", "status").code == 3


def test_a_killed_workspace_begins_no_dry_run(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kill is a kill."""
    assert call(capsys, home, "kill").code == 0
    assert call(capsys, home, *DRY).code == 5


def test_limits_for_runs_on_paper(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """None by default, named ones with --profile, those of [risk] as `own`; the run keeps them."""
    paper = ("paper", "run", *RULE, "--last", "4d", "-q")
    plain = data(capsys, home, *paper, "--run-id", "plain")
    assert plain["profile"] == "none"
    strict = data(capsys, home, *paper, "--run-id", "held", "--profile", "strict")
    assert strict["profile"] == "strict"
    assert strict["equity"] != plain["equity"]
    assert data(capsys, home, "risk", "show", "-a", "held")["profile"] == "strict"
    assert data(capsys, home, "risk", "show", "-a", "plain")["profile"] == "none"
    limits = {
        one["name"]: one["limit"]
        for one in data(capsys, home, "risk", "show", "-a", "held")["breakers"]
    }
    assert limits["daily_loss"] == "2 %"
    other = call(capsys, home, *paper, "--run-id", "held", "--profile", "daily")
    assert other.code == 2
    assert "begun with other risk" in other.err
    assert call(capsys, home, "config", "set", "paper.profile", "own").code == 0
    assert call(capsys, home, "config", "set", "risk.weekly_loss.limit", "9 %").code == 0
    own = data(capsys, home, *paper, "--run-id", "own")
    assert own["profile"] == "strict"
    shown = data(capsys, home, "risk", "show", "-a", "own")["breakers"]
    assert {one["name"]: one["limit"] for one in shown}["weekly_loss"] == "9 %"
    why = data(capsys, home, "decisions", "list", "--why-not", "-n", "200", "-a", "held")
    assert any("refused by " in one["why"] for one in why["not_traded"])


def test_the_same_from_python(home: Path) -> None:
    """The run, what it would have sent, and its limits."""
    with opened(home) as workspace:
        run = workspace.dry_run(
            "ema-cross:fast=3,slow=9", workspace.data.get(last="3d"), profile="daily", run_id="d"
        )
        assert "nothing sent" in repr(run)
        book = run.book()
        assert book.would_send
        assert not run.fills()
        assert workspace.risk("d").profile == "daily"
        with pytest.raises(ConfigError, match="must be a risk profile, was 'dayly'"):
            workspace.dry_run("ema-cross", workspace.data.get(last="3d"), profile="dayly")


def test_limits_are_shown_before_anything_ran(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What [risk] would let a run do, and what a run was begun with."""
    found = data(capsys, home, "risk", "show")
    assert found["profile"] == "strict"
    assert found["limits"]["position"] == "10 %"
    assert {one["state"] for one in found["breakers"]} == {"closed"}
    assert "account" not in found
    assert call(capsys, home, "paper", "run", *RULE, "--last", "3d", "-q").code == 0
    shown = data(capsys, home, "risk", "show")
    assert (shown["profile"], shown["limits"]) == ("none", {})


def test_live_means_no_run_on_paper(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verbs of `live` rule the newest dry run, whatever ran on paper since."""
    assert call(capsys, home, "live", "status").code == 3
    assert call(capsys, home, *DRY, "--run-id", "dry", "-q").code == 0
    assert call(capsys, home, "paper", "run", *RULE, "--last", "3d", "-q").code == 0
    found = call(capsys, home, "live", "status", "--json")
    document = json.loads(found.out)
    assert document["schema"] == "mettle.live.status/1"
    assert (document["data"]["run_id"], document["data"]["mode"]) == ("dry", "DRY-RUN")
    assert call(capsys, home, "live", "health").code == 4
    assert call(capsys, home, "live", "stop").code == 4


def test_the_error_names_what_is_held(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of other symbols' candles one reads which there are."""
    found = call(capsys, home, *DRY, "--symbols", "BTC/USDT")
    assert found.code == 3
    assert "held at 1h: GAP/USDT, SYN1/USDT, SYN2/USDT; name them with --symbols" in found.err
