"""When a pass is made, what a failed one means, and what releases a pause."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.ports.venue import (
    RateLimited,
    VenueCapabilities,
)
from mettle.application.reconcile import Outcome
from mettle.domain.errors import StorageError
from mettle.domain.orders import Unknown
from mettle.domain.risk import Mode
from tests.support.reconciling import (
    ACCOUNT,
    SECOND_SPOT,
    SETTLE,
    SPOT,
    World,
)

MINUTE = 60_000
CLEAN, PENDING, DIFFERS = Outcome.CLEAN, Outcome.PENDING, Outcome.DIFFERS
READS = ["server_time", "open_orders", "fills_since", "funding_since", "account", "open_orders"]


@pytest.fixture
def world() -> World:
    """Return an account with 10,000 USDT and nothing else."""
    return World()


# Course of a pass.


def test_a_pass_reads_open_orders_first_and_last(world: World) -> None:
    """Orders, trades, balances, orders again; nothing is sent."""
    assert world.passes() == [CLEAN]
    assert world.venue.calls == READS


def test_histories_are_read_from_ten_minutes_before_the_cursor(world: World) -> None:
    """A trade that the venue shows nine minutes late, and behind the cursor, is still found."""
    order_id = world.approve(SPOT, 10)
    world.passes(2, apart=10 * MINUTE)
    with world.reading() as unit:
        assert unit.cursors.all(ACCOUNT) == {"reconciled": world.clock.now_ms()}
    fill = world.venue.trade(SPOT, order_id, 10)
    world.venue.fills[:] = [replace(fill, occurred_at=fill.occurred_at - 9 * MINUTE)]
    world.passes(3)
    assert world.trades() == [fill.trade_id]
    assert world.agrees()


def test_it_is_due_at_the_start_then_every_fifteen_minutes(world: World) -> None:
    """A clock that was set back makes it due as well."""
    now = world.clock.now_ms()
    assert world.reconciler.due(now)
    world.passes()
    now = world.clock.now_ms()
    assert world.reconciler.next_due() == now + 15 * MINUTE
    assert not world.reconciler.due(now + 15 * MINUTE - 1)
    assert world.reconciler.due(now + 15 * MINUTE)
    assert world.reconciler.due(now - 1)


def test_a_request_makes_it_due_at_once(world: World) -> None:
    """After a reconnect, an UNKNOWN, an insufficient balance; the audit says why."""
    world.passes()
    world.reconciler.request("insufficient balance")
    assert world.reconciler.due(world.clock.now_ms())
    world.venue.move("BTC", Decimal(1))
    world.passes(2)
    assert any("reconciliation: insufficient balance" in one for one in world.audit())


def test_nothing_is_done_after_one_pass(world: World) -> None:
    """A first sight is pending, and the next pass is soon."""
    world.venue.move("BTC", Decimal(1))
    assert world.passes() == [PENDING]
    assert world.reconciler.next_due() == world.clock.now_ms() + SETTLE
    assert not world.discrepancies()


def test_two_passes_that_follow_each_other_at_once_are_one(world: World) -> None:
    """They must lie the settling time apart."""
    world.venue.move("BTC", Decimal(1))
    assert world.passes(5, apart=SETTLE // 5) == [PENDING] * 5
    assert not world.discrepancies()
    assert world.passes(1, apart=SETTLE // 5) == [DIFFERS]


def test_two_passes_that_see_different_amounts_do_not_agree(world: World) -> None:
    """As long as a balance goes on changing nothing is booked."""
    for _ in range(5):
        world.venue.move("BTC", Decimal(1))
        assert world.passes() == [PENDING]
    assert not world.discrepancies()


def test_what_moved_within_five_seconds_is_left_out(world: World) -> None:
    """An order and a trade of now wait until they have settled."""
    world.passes()
    world.venue.place(SPOT, "", -5)
    world.venue.trade(SPOT, "", 5)
    assert world.passes(2, apart=2_000) == [PENDING, PENDING]
    assert not world.reconciler._agreement._seen
    assert world.passes(1, apart=2_000) == [PENDING]
    assert world.reconciler._agreement._seen


def test_pauses_between_restless_passes_grow_to_a_minute(world: World) -> None:
    """5, 10, 20, 40, 60, 60 s."""
    world.venue.failing.add("open_orders")
    pauses = []
    for _ in range(6):
        world.passes()
        pauses.append((world.reconciler.next_due() - world.clock.now_ms()) // 1_000)
    assert pauses == [5, 10, 20, 40, 60, 60]


def test_a_rate_limited_pass_waits_as_long_as_it_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retry-After is honoured."""

    def limited() -> None:
        raise RateLimited("slow down", 90_000)

    monkeypatch.setattr(world.venue, "open_orders", limited)
    assert world.passes() == [PENDING]
    assert world.reconciler.next_due() == world.clock.now_ms() + 90_000


def test_a_venue_that_lives_on_bars_is_not_asked(world: World) -> None:
    """It is rebuilt from our own journal."""
    world.venue.capabilities = VenueCapabilities(bar_orders=True)
    world.start()
    world.venue.calls.clear()
    assert world.passes(2) == [CLEAN, CLEAN]
    assert not world.venue.calls


def test_a_stale_desk_recovers_first(world: World) -> None:
    """What it holds may be ahead of what is written."""
    world.bench.stale = True
    assert world.passes() == [PENDING]
    assert not world.venue.calls


def test_a_journal_that_fails_makes_the_desk_stale_and_forgets_the_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The act is undone as a whole, and found again after a recovery."""
    world.venue.place(SPOT, "manual", 5)
    world.passes()
    monkeypatch.setattr(world.store, "writing", _failing)
    with pytest.raises(StorageError):
        world.passes()
    monkeypatch.undo()
    assert world.bench.stale
    assert not world.discrepancies()
    world.desk.recover()
    assert world.passes(2) == [PENDING, DIFFERS]
    assert [one.kind for one in world.open()] == ["foreign order"]


def _failing() -> None:
    raise StorageError("disk full")


# A failed fetch is not an empty one.


@pytest.mark.parametrize("call", ["open_orders", "fills_since", "funding_since", "server_time"])
def test_a_failed_read_shows_nothing(world: World, call: str) -> None:
    """The pass ends, nothing is concluded and nobody is paused."""
    world.own(SPOT, 10)
    order_id = world.approve(SECOND_SPOT, 3)
    world.clock.advance(MINUTE // 10)
    world.venue.failing.add(call)
    assert world.passes(3) == [PENDING] * 3
    assert not world.discrepancies()
    assert world.mode() is Mode.ACTIVE
    assert not isinstance(world.desk.board.orders[order_id].state, Unknown)
    world.venue.failing.clear()
    assert world.passes() == [CLEAN]


def test_a_failed_balance_fetch_pauses_until_a_pass_succeeds(world: World) -> None:
    """One pass is enough, and the pause is in the journal."""
    world.own(SPOT, 10)
    world.venue.failing.add("account")
    assert world.passes(3) == [PENDING] * 3
    assert world.mode() is world.written_mode() is Mode.PAUSED
    assert not world.discrepancies()
    world.venue.failing.clear()
    assert world.passes() == [CLEAN]
    assert world.mode() is world.written_mode() is Mode.ACTIVE


def test_an_account_without_any_balance_is_a_failed_fetch(world: World) -> None:
    """An empty body must not sell the books."""
    balances, world.venue.balances = world.venue.balances, {}
    assert world.passes(3) == [PENDING] * 3
    assert world.mode() is Mode.PAUSED
    assert not world.discrepancies()
    world.venue.balances = balances
    assert world.passes() == [CLEAN]
    assert world.mode() is Mode.ACTIVE


def test_a_failed_fetch_does_not_end_the_pause_of_a_difference(world: World) -> None:
    """The one pause is released by a pass, the other by a person and two clean ones."""
    world.own(SPOT, 10)
    world.venue.balances["BTC"] = Decimal(0)
    world.passes(2)
    world.venue.failing.add("account")
    world.passes()
    world.venue.failing.clear()
    world.passes(3)
    assert world.mode() is Mode.PAUSED


# Release.


def test_two_clean_passes_release_reconciliation_s_cause_and_no_other(world: World) -> None:
    """An operator's pause and a breaker's stay."""
    now = world.clock.now_ms()
    world.guard.impose("operator", Mode.PAUSED, "lunch", now)
    world.guard.impose("kill", Mode.KILLED, "red button", now, str(SPOT))
    order = world.venue.place(SPOT, "manual", 7)
    world.passes(3)
    world.venue.end(order)
    world.passes(6)
    assert {(one.symbol, one.cause) for one in world.guard.causes()} == {
        ("", "operator"),
        ("BTC/USDT", "kill"),
    }


def test_a_restart_keeps_the_pause_and_needs_two_clean_passes(world: World) -> None:
    """The cause is in the journal, the count is not."""
    order = world.venue.place(SPOT, "manual", 7)
    world.passes(3)
    world.venue.end(order)
    world.passes(3)
    world.start()
    assert world.mode(SPOT) is Mode.REDUCING
    assert world.passes() == [CLEAN]
    assert world.mode(SPOT) is Mode.REDUCING
    assert world.passes() == [CLEAN]
    assert world.mode(SPOT) is Mode.ACTIVE


def test_every_act_leaves_an_audit_row(world: World) -> None:
    """Found, done, closed; under the discrepancy's name."""
    world.own(SPOT, 10)
    world.venue.place(SECOND_SPOT, "manual", 3)
    world.venue.move("BTC", Decimal(1))
    world.passes(3)
    text = "\n".join(world.audit())
    for record in world.discrepancies():
        assert f"{record.discrepancy_id}: " in text


def test_the_cursor_stays_while_something_is_unexplained(world: World) -> None:
    """A trade that comes within the hour is still read."""
    world.passes()
    with world.reading() as unit:
        before = unit.cursors.all(ACCOUNT)["reconciled"]
    world.venue.move("BTC", Decimal(1))
    world.passes(4, apart=MINUTE)
    with world.reading() as unit:
        assert unit.cursors.all(ACCOUNT)["reconciled"] == before
    world.passes(1, apart=61 * MINUTE)
    with world.reading() as unit:
        assert unit.cursors.all(ACCOUNT)["reconciled"] == world.clock.now_ms()


def test_venue_errors_elsewhere_are_not_swallowed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only failures of the venue are expected; anything else is a defect."""

    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.venue, "account", broken)
    with pytest.raises(ZeroDivisionError):
        world.passes()
