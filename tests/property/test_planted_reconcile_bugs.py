"""The checks of reconciliation are worth something: they find every bug that is planted."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.execution.bench import Bench
from mettle.application.journal import DiscrepancyRecord, OrderRecord
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.application.ports.venue import (
    OrderRequest,
    VenueAccount,
    VenueFill,
    VenueFunding,
    VenueOrder,
)
from mettle.application.reconcile.acts import Acts
from mettle.application.reconcile.causes import Causes
from mettle.application.reconcile.gear import AccountBooks
from mettle.application.reconcile.keeper import Keeper
from mettle.application.reconcile.money import MoneyActs
from mettle.application.reconcile.reader import Reader, Watermark
from mettle.application.reconcile.reconciler import Outcome, Reconciler
from mettle.application.reconcile.rules import Agreement, Booking
from mettle.application.reconcile.views import Difference, LocalView, Scope, VenueView
from mettle.domain.errors import MettleError, VenueError
from mettle.domain.market import Symbol
from mettle.domain.money import Money
from mettle.domain.orders import OrderTerms, Purpose, Side
from mettle.domain.risk import Mode
from tests.support.reconciling import (
    ACCOUNT,
    PERPETUAL,
    QUOTE,
    SECOND_SPOT,
    SPOT,
    World,
)

compare = importlib.import_module("mettle.application.reconcile.compare")
acts = importlib.import_module("mettle.application.reconcile.acts")
money = importlib.import_module("mettle.application.reconcile.money")
causes = importlib.import_module("mettle.application.reconcile.causes")
reconciler = importlib.import_module("mettle.application.reconcile.reconciler")

MINUTE = 60_000
Records = Iterable[DiscrepancyRecord]


# What must hold.


def check_patience() -> None:
    """One pass, or two that are too close, or things of just now, lead to nothing."""
    world = World()
    world.venue.move("BTC", Decimal(1))
    world.venue.place(SECOND_SPOT, "manual", 5)
    world.passes(1)
    assert not world.discrepancies()
    world = World()
    world.passes(3)
    order_id = world.approve(SPOT, 10)
    world.venue.hidden.add(order_id)
    world.venue.place(SECOND_SPOT, "manual", 5)
    world.passes(3, apart=1_500)
    assert not world.discrepancies()
    assert not world.reconciler._agreement._seen


def check_failed_reads() -> None:
    """What could not be read is not empty, and without balances nothing is opened."""
    world = World()
    world.own(SPOT, 10)
    order_id = world.approve(SECOND_SPOT, 5)
    for call in ("open_orders", "fills_since", "account"):
        world.venue.failing = {call}
        assert world.passes(3) == [Outcome.PENDING] * 3
        assert not world.discrepancies()
        assert (world.mode() is Mode.PAUSED) is (call == "account")
    balances, world.venue.balances = world.venue.balances, {}
    world.venue.failing.clear()
    world.passes(3)
    assert not world.discrepancies()
    world.venue.balances = balances
    world.passes(1)
    assert world.mode() is world.written_mode() is Mode.ACTIVE
    assert order_id in world.desk.board.orders


def check_strangers() -> None:
    """A foreign order is counted, not touched; what strangers bought is not ours."""
    world = World()
    world.venue.place(SPOT, "manual", 7)
    world.venue.trade(SPOT, "other", 5)
    world.passes(4)
    world.work(20)
    assert not world.venue.cancelled
    assert not world.trades()
    with world.reading() as unit:
        assert not unit.orders.latest(ACCOUNT, 9)
    assert world.mode(SPOT) is world.written_mode(str(SPOT)) is Mode.REDUCING
    assert world.mode(SECOND_SPOT) is Mode.ACTIVE
    assert world.reconciler.foreign_lots(SPOT) == 12
    assert world.agrees()
    world.check()


def check_balances() -> None:
    """An unknown balance is outside and stays; what vanished is in suspense and pauses."""
    world = World()
    world.own(SPOT, 10)
    creates, trades = world.venue.calls.count("create"), world.trades()
    world.venue.move("BTC", Decimal("0.05"))
    world.passes(4)
    assert world.reconciler.foreign_lots(SPOT) == 50
    assert world.mode() is Mode.ACTIVE
    world.venue.balances["BTC"] = Decimal(0)
    world.passes(6)
    assert world.venue.calls.count("create") == creates
    assert world.trades() == trades
    assert world.books.portfolio.suspended("BTC") == Decimal("-0.01")
    assert world.books.portfolio.outside("BTC") == 0
    assert world.mode() is world.written_mode() is Mode.PAUSED
    assert [one.kind for one in world.open()] == ["position"]
    assert world.agrees()
    world.check()


def check_release() -> None:
    """Two clean passes end our cause; every other cause stays."""
    world = World()
    now = world.clock.now_ms()
    world.guard.impose("operator", Mode.REDUCING, "by hand", now)
    world.guard.impose("operator", Mode.PAUSED, "by hand", now, str(SPOT))
    order = world.venue.place(SPOT, "manual", 7)
    world.passes(3)
    world.venue.end(order)
    assert world.passes(3)[-1] is Outcome.CLEAN
    assert world.written_mode(str(SPOT)) is Mode.REDUCING
    world.passes(1)
    assert {(one.symbol, one.cause) for one in world.guard.causes()} == {
        ("", "operator"),
        (str(SPOT), "operator"),
    }


def check_overlap() -> None:
    """A trade nine minutes behind the cursor is found, and funding too; each is booked once."""
    world = World()
    order_id = world.approve(SPOT, 10)
    world.passes(2, apart=15 * MINUTE)
    fill = world.venue.trade(SPOT, order_id, 10)
    world.venue.fills[:] = [replace(fill, occurred_at=fill.occurred_at - 9 * MINUTE)]
    settled = VenueFunding("F1", PERPETUAL, -(10**8), world.clock.now_ms() - 9 * MINUTE)
    world.venue.funding.append(settled)
    world.venue.move(QUOTE, Decimal(-1))
    world.passes(3)
    assert world.books.portfolio.funding == -1
    world.venue.pushed += [fill, settled]
    world.work(2)
    assert world.trades() == [fill.trade_id]
    assert world.books.portfolio.funding == -1
    assert {one.kind for one in world.discrepancies()} <= {"fills", "funding", "order not open"}
    assert world.agrees()
    world.check()


def check_adoption() -> None:
    """An order of ours that the journal lost is booked, ended and written down, and pauses."""
    world = World()
    order_id = world.our_id(SPOT, 10)
    world.venue.place(SPOT, order_id, 10)
    world.venue.trade(SPOT, order_id, 4)
    world.passes(3)
    assert world.mode() is world.written_mode() is Mode.PAUSED
    assert [one.kind for one in world.open()] == ["unknown order of ours"]
    assert len(world.trades()) == 1
    world.work(20)
    assert world.venue.cancelled == [order_id]
    assert "create" not in world.venue.calls
    world.passes(6)
    assert world.mode() is Mode.ACTIVE
    assert all(one.note for one in world.discrepancies())
    text = "\n".join(world.audit())
    assert all(text.count(one.discrepancy_id) >= 2 for one in world.discrepancies())
    assert world.agrees()
    world.check()


def check_late_trades() -> None:
    """A coin whose trade is still to come is no coin from nowhere; a sale by hand is a sale."""
    world = World()
    order_id = world.approve(SPOT, 10)
    fill = world.venue.trade(SPOT, order_id, 10)
    world.venue.hidden_fills.add(fill.trade_id)
    world.work(5)
    world.passes(4)
    assert not world.discrepancies()
    world.venue.hidden_fills.clear()
    world.passes(3)
    sold = world.venue.trade(SPOT, "app", -10)
    world.passes(4)
    assert world.trades() == [fill.trade_id, sold.trade_id]
    assert world.books.portfolio.suspended("BTC") == 0
    assert world.mode() is Mode.ACTIVE
    assert world.agrees()
    world.check()


CHECKS = (
    check_patience,
    check_failed_reads,
    check_strangers,
    check_balances,
    check_release,
    check_overlap,
    check_adoption,
    check_late_trades,
)


# What is planted.


def _acts_after_one_pass(
    self: Agreement, found: Iterable[Difference], at: int
) -> tuple[Difference, ...]:
    return tuple(found)


def _counts_recent_objects(scope: Scope, theirs: VenueView, at: int) -> bool:
    return True


def _counts_recent_orders_of_ours(scope: Scope, local: LocalView, order: OrderRecord) -> bool:
    return True


def _takes_failed_balances_as_none(self: Reader, mark: Watermark) -> VenueAccount:
    try:
        return self._bench.gear.venue.account()
    except VenueError:
        return VenueAccount({})


def _takes_an_empty_answer_for_the_truth(self: Reader, mark: Watermark) -> VenueAccount:
    return self._bench.gear.venue.account()


def _takes_failed_orders_as_none(self: Reader, mark: Watermark) -> VenueView:
    venue = self._bench.gear.venue
    try:
        return view(self, mark)
    except VenueError:
        now, account = venue.server_time(), venue.account()
        return VenueView(now, (), (), (), account, ())


def _does_not_pause_without_balances(self: Reconciler, why: str) -> None:
    return None


def _stays_paused_after_a_failed_read(self: Causes, records: Records, *, clean: bool) -> bool:
    self._blind = False
    return passed(self, records, clean=clean)


def _cancels_foreign_orders(self: Acts, difference: Difference) -> None:
    self._end(difference)


def _adopts_foreign_orders(self: Acts, difference: Difference) -> None:
    self._ours(difference, 0)


def _forgets_foreign_orders(local: LocalView, orders: object) -> dict[Symbol, int]:
    return {}


def _takes_anybody_for_us(scope: Scope, client_order_id: str) -> bool:
    return True


def _pauses_nobody_for_a_foreign_order(
    open_ones: Records, *, dedicated: bool
) -> Mapping[str, tuple[Mode, str]]:
    found = standing(open_ones, dedicated=dedicated)
    return {key: one for key, one in found.items() if not key}


def _books_strangers_trades_as_ours(
    side: int, lots: Decimal, *, held: Decimal, outside: Decimal
) -> bool:
    return False


def _takes_sales_by_hand_for_strangers(
    side: int, lots: Decimal, *, held: Decimal, outside: Decimal
) -> bool:
    return True


def _sells_unknown_balances(self: MoneyActs, difference: Difference, server_time: int) -> None:
    symbol = difference.symbol
    if symbol is not None and difference.change > 0:
        lots = int(difference.change / Decimal("0.001"))
        terms = OrderTerms(symbol, Side.SELL, lots, limit=1)
        self._bench.gear.venue.create(OrderRequest("sale", terms))
    balance(self, difference, server_time)


def _keeps_unknown_balances_for_itself(held: Decimal, outside: Decimal) -> Decimal:
    return Decimal(0)


def _invents_a_trade(self: MoneyActs, difference: Difference, server_time: int) -> None:
    symbol, change = difference.symbol, difference.change
    if symbol is None:
        balance(self, difference, server_time)
        return
    now, lots = self._bench.now, int(abs(change) / Decimal("0.001"))
    side, fee = (1 if change > 0 else -1), Money.zero(QUOTE)
    made = VenueFill(f"made-{now}", "", symbol, side, lots, 10_000, fee, False, now)

    def write(unit: UnitOfWork) -> None:
        record, entry = self._books.book(made, "", Purpose.OPERATOR, now)
        unit.fills.add(record)
        unit.ledger.add(entry)
        self._keeper.settled(unit, difference, "booked")

    self._bench.write(write)


def _takes_losses_for_strangers(change: Decimal, **rest: object) -> tuple[Booking, ...]:
    return (Booking(change, unexplained=False),)


def _suspends_what_strangers_take_back(change: Decimal, **rest: object) -> tuple[Booking, ...]:
    return (Booking(change, unexplained=change < 0, vanished=change < 0),)


def _releases_other_causes(self: Causes, records: Records, *, clean: bool) -> bool:
    changed = passed(self, records, clean=clean)
    if self.clean >= 2:
        self._modes.lift("operator", self._bench.now, "")
        self._modes.lift("operator", self._bench.now, str(SPOT))
    return changed


def _releases_after_one_clean_pass(self: Causes, records: Records, *, clean: bool) -> bool:
    self.clean += clean
    return passed(self, records, clean=clean)


def _releases_nothing(self: Causes, records: Records, *, clean: bool) -> bool:
    return passed(self, records, clean=False)


def _reads_from_the_cursor_on(self: Reader) -> Watermark:
    mark = watermark(self)
    return replace(mark, since=mark.since + self._plan.overlap)


def _forgets_settlements(scope: Scope, local: LocalView, theirs: VenueView) -> list[Difference]:
    return []


def _does_not_pause_for_lost_orders(self: Causes, records: Records) -> set[str]:
    return set()


def _leaves_lost_orders_open(
    unit: UnitOfWork, bench: Bench, books: AccountBooks, shown: VenueOrder | None, lost: Difference
) -> None:
    adopt(unit, bench, books, shown, lost)
    bench.board.working.clear()


def _adopts_without_trades(
    unit: UnitOfWork, bench: Bench, books: AccountBooks, shown: VenueOrder | None, lost: Difference
) -> None:
    adopt(unit, bench, books, shown, replace(lost, fills=()))


def _leaves_no_audit(self: Keeper, unit: UnitOfWork, subject: str, text: str) -> None:
    return None


def _never_closes(self: Acts, difference: Difference) -> None:
    return None


def _judges_balances_before_trades(state: object, shown: object, booked: int) -> bool:
    return False


view, watermark = Reader.venue, Reader.watermark
passed, balance = Causes.passed, MoneyActs.balance
standing, adopt = causes.standing, acts.adopt

BUGS: list[tuple[object, str, Callable[..., object]]] = [
    (Agreement, "take", _acts_after_one_pass),
    (compare, "_is_old", _counts_recent_objects),
    (compare, "_is_calm", _counts_recent_orders_of_ours),
    (Reader, "_account", _takes_failed_balances_as_none),
    (Reader, "_account", _takes_an_empty_answer_for_the_truth),
    (Reader, "venue", _takes_failed_orders_as_none),
    (Reconciler, "_lose_sight", _does_not_pause_without_balances),
    (Causes, "passed", _stays_paused_after_a_failed_read),
    (Acts, "_foreign", _cancels_foreign_orders),
    (Acts, "_foreign", _adopts_foreign_orders),
    (compare, "_foreign", _forgets_foreign_orders),
    (Scope, "owns", _takes_anybody_for_us),
    (causes, "standing", _pauses_nobody_for_a_foreign_order),
    (money, "is_theirs", _books_strangers_trades_as_ours),
    (money, "is_theirs", _takes_sales_by_hand_for_strangers),
    (MoneyActs, "balance", _sells_unknown_balances),
    (reconciler, "still_outside", _keeps_unknown_balances_for_itself),
    (MoneyActs, "balance", _invents_a_trade),
    (money, "bookings", _takes_losses_for_strangers),
    (money, "bookings", _suspends_what_strangers_take_back),
    (Causes, "passed", _releases_other_causes),
    (Causes, "passed", _releases_after_one_clean_pass),
    (Causes, "passed", _releases_nothing),
    (Reader, "watermark", _reads_from_the_cursor_on),
    (compare, "_of_funding", _forgets_settlements),
    (Causes, "opened", _does_not_pause_for_lost_orders),
    (acts, "adopt", _leaves_lost_orders_open),
    (acts, "adopt", _adopts_without_trades),
    (Keeper, "audit", _leaves_no_audit),
    (Acts, "_over", _never_closes),
    (compare, "_may_have_moved", _judges_balances_before_trades),
]


@pytest.mark.parametrize("check", CHECKS)
def test_the_rules_themselves_pass(check: Callable[[], None]) -> None:
    """As they are they break nothing."""
    check()


@pytest.mark.parametrize(
    ("place", "name", "bug"), BUGS, ids=[bug.__name__.strip("_") for _, _, bug in BUGS]
)
def test_a_planted_bug_is_caught(
    place: object, name: str, bug: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong rule in the place of the right one is found."""
    monkeypatch.setattr(place, name, bug)
    caught = []
    for check in CHECKS:
        try:
            check()
        except (AssertionError, MettleError) as error:
            caught.append(error)
    assert caught
