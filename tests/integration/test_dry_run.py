"""The whole session with a venue that is sent nothing: what is written, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.system import PhiloxRandomness, SequentialIds, SystemClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.adapters.venues.exchange.market import DryRunMarket
from mettle.application.backtest import BacktestRequest, Provenance
from mettle.application.control import why_not
from mettle.application.journal import IntentStatus, OrderRecord, RunStatus
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.application.session.dry_run import dry_book
from mettle.application.session.paper import PaperDesk, PaperOutcome, PaperRequest, start_paper
from mettle.domain.errors import ConfigError
from mettle.domain.orders import Denied, Intended, Submitting
from mettle.domain.risk import RiskEngine, RiskProfile
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import RUN, UNLIMITED, Moody, panel

BARS = 60


class Died(BaseException):
    """The process is gone."""


def play(
    store: Store,
    engine: RiskEngine = UNLIMITED,
    kind: str = "dry-run",
    should_stop: Callable[[], bool] = lambda: False,
) -> PaperOutcome:
    """Make a dry run, or go on with it."""
    trial = BacktestRequest(
        panel=panel(BARS), agent=Moody(), settings=SimulationSettings(), provenance=Provenance("x")
    )
    desk = PaperDesk(
        NativeFeatures(1),
        DryRunMarket(PhiloxRandomness(1)),
        store,
        SystemClock(),
        SequentialIds(),
        engine,
        MemoryKillSwitch(),
        MemoryNotifier(),
        "dry run here",
    )
    request = PaperRequest(trial, RUN, kind=kind)  # type: ignore[arg-type]  # from a parameter
    return start_paper(request, desk, should_stop)


def orders(store: Store) -> list[OrderRecord]:
    """Return every order of the run, oldest first."""
    with store.reading() as unit:
        return list(unit.orders.since(RUN, 0))


def test_everything_is_done_but_the_sending() -> None:
    """Decisions, verdicts and orders are on the disk; nothing is open, unknown or filled."""
    store = MemoryStore()
    done = play(store)
    assert done.standing.run.status is RunStatus.FINISHED
    assert (done.standing.run.kind, done.standing.run.venue) == ("dry-run", "exchange")
    found = orders(store)
    assert len(found) > 20
    assert {one.state for one in found} == {Denied("not sent (dry run)")}
    assert {(one.sent_at, one.evidence, one.venue_order_id) for one in found} == {(None, "", "")}
    assert all(one.terms is not None and one.terms.post_only for one in found)
    with store.reading() as unit:
        assert not unit.orders.live(RUN)
        assert not unit.intents.working(RUN)
        assert unit.fills.count(RUN) == 0
        assert not unit.modes.all(RUN)
        intents = unit.intents.latest(RUN, 1_000)
    assert {one.verdict for one in intents} == {"approved"}
    assert done.standing.change == 0


def test_what_risk_keeps_back_is_told_apart() -> None:
    """Cut wishes are sent smaller, refused ones not at all, and both say which limit it was."""
    store = MemoryStore()
    play(store, RiskEngine(RiskProfile("tight", position=100_000, trades_per_day=1, leverage=None)))
    book = dry_book(store, RUN)
    verdicts = [one.intent.verdict for one in book.would_send]
    assert {one.partition(":")[0] for one in verdicts} == {"cut"}
    assert all("position would be" in one for one in verdicts)
    unit_value = panel(1).instruments[0].unit_value
    for one in book.would_send:
        assert one.terms.limit is not None
        assert one.terms.lots * one.terms.limit * unit_value <= 10_000 * 10**8 // 10 * 1.02
    assert {one.outcome for one in book.held_back} == {"the price has run away from the signal"}


def test_a_refused_wish_is_written_down_with_its_reason() -> None:
    """Nothing fits a limit of a millionth: each wish is done before it began."""
    store = MemoryStore()
    play(store, RiskEngine(RiskProfile("tight", position=1, leverage=None)))
    book = dry_book(store, RUN)
    assert not book.would_send
    assert len(book.held_back) > 20
    for one in book.held_back:
        assert one.status is IntentStatus.DONE
        assert one.outcome == one.verdict
        assert one.verdict.startswith("refused by position: ")
        assert "limit 0.0001 %" in one.verdict
    assert why_not(store, RUN, 5)[0].why == book.held_back[0].outcome


def test_a_dry_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """Stopped, or finished at once: the same wishes, each of them once."""
    whole, parts = MemoryStore(), SqlStore(tmp_path / "mettle.db")
    play(whole)
    asked = iter(range(10_000))
    first = play(parts, should_stop=lambda: next(asked) > 100)
    assert first.standing.run.status is RunStatus.STOPPED
    assert 0 < first.bars < BARS // 2
    second = play(parts)
    assert second.standing.run.status is RunStatus.FINISHED
    wished = [(one.client_order_id, one.intent) for one in orders(whole)]
    assert [(one.client_order_id, one.intent) for one in orders(parts)] == wished
    parts.close()


def test_a_crash_between_writing_and_keeping_leaves_nothing_open(tmp_path: Path) -> None:
    """An order found as intended was never on its way: it is denied, and never UNKNOWN."""
    store = SqlStore(tmp_path / "mettle.db")
    with pytest.raises(Died):
        play(_Dying(store))  # a store but for its end
    (cut,) = orders(store)
    assert cut.state == Intended()
    done = play(store)
    assert done.resumed
    assert orders(store)[0].state == Denied("a restart found it before its sending")
    assert not any(isinstance(one.state, Submitting) for one in orders(store))
    with store.reading() as unit:
        assert not unit.intents.working(RUN)
    store.close()


def test_a_dry_run_is_no_paper_run() -> None:
    """The id of one is refused to the other."""
    store = MemoryStore()
    play(store)
    with pytest.raises(ConfigError, match="is a dry-run run, not a paper run"):
        play(store, kind="paper")


class _Dying:
    """A store whose process dies at the first outcome that is to be written down."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.durable = inner.durable
        self.reading = inner.reading
        self.close = inner.close

    def writing(self) -> UnitOfWork:
        """Return a unit; none once an order is on the disk."""
        if orders(self._inner):
            raise Died
        return self._inner.writing()
