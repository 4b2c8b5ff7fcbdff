"""The use case of paper trading: begin, resume, refuse, read; and its speed is not tested."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.system import PhiloxRandomness
from mettle.application.backtest import BacktestRequest, GapPolicy, run_backtest
from mettle.application.journal import RunStatus
from mettle.application.session.paper import PaperRequest, paper_status, start_paper
from mettle.application.session.queries import Journal
from mettle.application.strategies import EmaCross
from mettle.domain.errors import ConfigError, DataError, InvalidValue, NotFound
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import panel, paper_desk

MARKET = panel(200)
TRIAL = BacktestRequest(MARKET, EmaCross(3, 9), SimulationSettings(), resamples=0)


def test_a_run_is_written_down_and_can_be_read() -> None:
    """Equity, fills and reasons of a finished run are there, the newest first."""
    told: list[tuple[int, int]] = []
    at = paper_desk()
    outcome = start_paper(PaperRequest(TRIAL), at, on_progress=lambda *now: told.append(now))
    assert (outcome.run_id, outcome.resumed) == ("run-00000001", False)
    assert outcome.standing.run.status is RunStatus.FINISHED
    assert told[-1] == (outcome.bars, outcome.bars)
    journal = Journal(at.store)
    assert [one.run_id for one in journal.runs()] == [journal.latest()] == [outcome.run_id]
    marks = journal.equity(outcome.run_id)
    assert len(marks) == outcome.bars
    assert outcome.standing.equity == Decimal(marks[-1].equity) / 10**8
    assert outcome.standing.change == marks[-1].equity / 10**12 - 1
    newest, older = journal.decisions(outcome.run_id, 2)
    assert newest.time - older.time == 3_600_000
    assert newest.action.startswith("BTC/USDT ")
    assert "BTC/USDT: " in newest.why
    assert "action" in newest.why
    assert len(journal.fills(outcome.run_id, 3)) == len(journal.orders(outcome.run_id, 3)) == 3


def test_paper_is_the_backtest() -> None:
    """The same request gives the same equity curve through the engine and through the session."""
    at = paper_desk()
    outcome = start_paper(PaperRequest(TRIAL), at)
    result = run_backtest(TRIAL, at.features, NativeEngine(), PhiloxRandomness(1))
    marks = Journal(at.store).equity(outcome.run_id)
    assert np.array_equal([mark.equity for mark in marks], result.run.equity)


def test_a_stopped_run_goes_on_by_its_id() -> None:
    """Stopped after twenty bars and begun again, it ends where it would have ended."""
    whole, at = paper_desk(), paper_desk()
    expected = start_paper(PaperRequest(TRIAL), whole)
    bars: list[int] = []
    stopped = start_paper(
        PaperRequest(TRIAL, "mine"),
        at,
        should_stop=lambda: len(bars) >= 20,
        on_progress=lambda done, _: bars.append(done),
    )
    assert stopped.standing.run.status is RunStatus.STOPPED
    resumed = start_paper(
        PaperRequest(TRIAL, "mine"), at, on_progress=lambda done, _: bars.append(done)
    )
    assert (stopped.bars, resumed.resumed) == (20, True)
    assert stopped.bars + resumed.bars == expected.bars
    assert bars == list(range(1, expected.bars + 1))
    assert resumed.standing.equity == expected.standing.equity
    assert resumed.standing.fills == expected.standing.fills


def test_a_finished_run_is_not_run_again() -> None:
    """The id of a finished run gives its standing and trades nothing."""
    at = paper_desk()
    first = start_paper(PaperRequest(TRIAL, "mine"), at)
    second = start_paper(PaperRequest(TRIAL, "mine"), at)
    assert (second.bars, second.resumed) == (0, True)
    assert second.standing == first.standing


CHANGES = {
    "settings": replace(TRIAL, settings=SimulationSettings(slippage=7)),
    "agent": replace(TRIAL, agent=EmaCross(4, 9)),
    "data": replace(TRIAL, panel=panel(200, seed=8)),
    "period": replace(TRIAL, panel=MARKET.slice(0, 150)),
    "instruments": replace(
        TRIAL,
        panel=replace(
            MARKET,
            instruments=tuple(replace(one, min_notional=Decimal(9)) for one in MARKET.instruments),
        ),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_run_resumes_only_with_what_it_began_with(what: str) -> None:
    """Other settings, bars, terms, period or agent are refused by name."""
    at = paper_desk()
    start_paper(PaperRequest(TRIAL, "mine"), at, should_stop=lambda: True)
    with pytest.raises(ConfigError, match=what):
        start_paper(PaperRequest(CHANGES[what], "mine"), at)


def test_gaps_are_refused_or_held() -> None:
    """Missing bars end the request or are held through, with a warning and a verdict."""
    gapped = replace(TRIAL, panel=panel(200, gaps=0.1))
    with pytest.raises(DataError, match="missing"):
        start_paper(PaperRequest(gapped), paper_desk())
    at = paper_desk()
    outcome = start_paper(PaperRequest(replace(gapped, gaps=GapPolicy.HOLD)), at)
    assert "held through" in " ".join(outcome.warnings)
    verdicts = {
        asset.verdict
        for one in Journal(at.store).decisions(outcome.run_id, 10**6)
        for asset in one.assets
    }
    assert "hold: missing bar" in verdicts


@pytest.mark.parametrize("run_id", ["", "../up", "a b", "x" * 61, "-dash"])
def test_run_ids_are_plain(run_id: str) -> None:
    """An id that could be mistaken for a path or an option is refused."""
    with pytest.raises(InvalidValue, match="run id"):
        PaperRequest(TRIAL, run_id)


def test_batches_are_bounded() -> None:
    """A transaction of no bars makes no sense."""
    with pytest.raises(InvalidValue, match="commit_every"):
        PaperRequest(TRIAL, commit_every=0)


def test_status_of_nothing_says_how_to_begin() -> None:
    """Without a run, and with a wrong id, the status is a NotFound with a mend."""
    at = paper_desk()
    with pytest.raises(NotFound, match="mettle paper run"):
        paper_status(at.store)
    start_paper(PaperRequest(TRIAL, "mine"), at)
    assert paper_status(at.store).run.run_id == "mine"
    with pytest.raises(NotFound, match="yours"):
        paper_status(at.store, "yours")
