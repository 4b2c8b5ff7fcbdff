"""Two snapshots → what differs, case by case, without a venue or a journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.journal import DiscrepancyRecord, OrderRecord
from mettle.application.ports.venue import (
    VenueAccount,
    VenueFill,
    VenueFunding,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.application.reconcile.compare import compare
from mettle.application.reconcile.rules import Agreement, Booking, bookings, is_theirs, standing
from mettle.application.reconcile.views import (
    Difference,
    Findings,
    Kind,
    LocalView,
    Scope,
    VenueView,
)
from mettle.domain.money import Money
from mettle.domain.orders import (
    Canceled,
    Cancelling,
    Filled,
    Leg,
    Open,
    OrderState,
    Partial,
    Purpose,
    Reduction,
    Side,
    Submitting,
    Unknown,
    client_order_id,
)
from mettle.domain.risk import Mode
from tests.support.reconciling import (
    ACCOUNT,
    PERPETUAL,
    QUOTE,
    SECOND_SPOT,
    SETTLE,
    SPOT,
    START,
    instruments,
)

NOW = START + 3_600_000
OLD = NOW - 60_000
INTENT = Reduction(ACCOUNT, SPOT, Side.SELL, 10, START, Purpose.STOP)
OURS = client_order_id(INTENT, venue="v", environment="live", leg=Leg.TAKER, attempt=1)
SCOPE = Scope(
    ACCOUNT, "v", "live", {one.symbol: one for one in instruments()}, SETTLE, Decimal("0.01")
)
BALANCES = {("wallet", QUOTE): Decimal(100), ("wallet", "BTC"): Decimal("0.05")}
HELD = {QUOTE: Decimal(100), "BTC": Decimal("0.05")}


def order(client_id: str = OURS, filled: int = 0, at: int = OLD) -> VenueOrder:
    """Return an open sale of ten lots."""
    status = VenueOrderStatus.OPEN
    return VenueOrder(client_id, f"V{client_id}", SPOT, -1, 10, filled, status, at, 10_000)


def record(state: OrderState, client_id: str = OURS, at: int = OLD) -> OrderRecord:
    """Return our record of it."""
    return OrderRecord("run", client_id, INTENT, state, START, at)


def fill(client_id: str = OURS, at: int = OLD, protects: Purpose | None = None) -> VenueFill:
    """Return a trade of it."""
    fee = Money.of("0.1", QUOTE)
    return VenueFill("T1", client_id, SPOT, -1, 3, 10_000, fee, False, at, protects)


def found(
    *,
    local: Mapping[str, OrderRecord] | None = None,
    booked: Mapping[str, int] | None = None,
    trades: tuple[str, ...] = (),
    settlements: tuple[str, ...] = (),
    balances: Mapping[tuple[str, str], Decimal] | None = None,
    records: tuple[DiscrepancyRecord, ...] = (),
    before: tuple[VenueOrder, ...] = (),
    after: tuple[VenueOrder, ...] | None = None,
    fills: tuple[VenueFill, ...] = (),
    funding: tuple[VenueFunding, ...] = (),
    account: VenueAccount | None = None,
    contested: frozenset[str] = frozenset(),
) -> Findings:
    """Compare two snapshots that agree but for what is given."""
    ours = LocalView(
        local or {},
        booked or {},
        BALANCES if balances is None else balances,
        frozenset((SPOT, one) for one in trades),
        frozenset(settlements),
        records,
        NOW,
        contested,
    )
    shown = VenueView(
        NOW,
        before,
        fills,
        funding,
        account or VenueAccount(dict(HELD)),
        before if after is None else after,
    )
    return compare(SCOPE, ours, shown)


def kinds(findings: Findings) -> list[str]:
    """Return the names of what was found."""
    return [one.kind.name for one in findings.differences]


def test_equal_sides_do_not_differ() -> None:
    """Not in an order, a trade or a balance, and nothing moves."""
    same = found(
        local={OURS: record(Partial(3))},
        booked={OURS: 3},
        trades=("T1",),
        before=(order(filled=3),),
        fills=(fill(),),
    )
    assert same == Findings((), moving=False, foreign={})


@pytest.mark.parametrize(
    ("client_id", "local", "kind"),
    [
        (OURS, {}, "OURS"),
        ("manual", {}, "FOREIGN"),
        ("", {}, "FOREIGN"),
        (OURS, {OURS: record(Canceled(0))}, "ENDED"),
        (OURS, {OURS: record(Open())}, ""),
        (OURS, {OURS: record(Cancelling(0))}, ""),
        (OURS, {OURS: record(Submitting())}, ""),
        (OURS, {OURS: record(Canceled(0), at=NOW - 1)}, ""),
    ],
)
def test_an_open_order_is_known_unknown_or_foreign(
    client_id: str, local: Mapping[str, OrderRecord], kind: str
) -> None:
    """By the journal first, then by its name space."""
    result = found(local=local, booked={OURS: 0}, before=(order(client_id),))
    assert kinds(result) == [kind] * bool(kind)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((order("m"),), ()),
        ((), (order("m"),)),
        ((order("m"),), (order("m", filled=1),)),
        ((order("m", at=NOW - SETTLE + 1),), None),
    ],
)
def test_an_order_that_moves_is_left_out(
    before: tuple[VenueOrder, ...], after: tuple[VenueOrder, ...] | None
) -> None:
    """In one reading only, in two different ways, or too young; it counts as exposure at once."""
    result = found(before=before, after=after)
    assert (kinds(result), result.moving) == ([], True)
    assert result.foreign[SPOT] in {9, 10}


def test_an_order_of_exactly_five_seconds_is_old_enough() -> None:
    """The limit itself."""
    assert kinds(found(before=(order("m", at=NOW - SETTLE),))) == ["FOREIGN"]


def test_an_order_of_ours_that_moves_hides_its_trades() -> None:
    """They come with it, in the next pass."""
    moving = order(at=NOW)
    assert kinds(found(before=(moving,), fills=(fill(),))) == []


@pytest.mark.parametrize(
    ("state", "at", "kind"),
    [
        (Open(), OLD, "LOST"),
        (Partial(0), OLD, "LOST"),
        (Open(), NOW - SETTLE + 1, ""),
        (Unknown(0, OLD), OLD, ""),
        (Submitting(), OLD, ""),
        (Cancelling(0), OLD, ""),
        (Canceled(0), OLD, ""),
    ],
)
def test_an_order_that_is_not_open_there(state: OrderState, at: int, kind: str) -> None:
    """Only one that should rest is missing; the desk asks about the others itself."""
    result = found(local={OURS: record(state, at=at)}, booked={OURS: 0})
    assert kinds(result) == [kind] * bool(kind)


@pytest.mark.parametrize(
    ("trade", "local", "kind"),
    [
        (fill(), {OURS: record(Open())}, "FILL"),
        (fill(), {}, "OURS"),
        (fill("manual"), {}, "FOREIGN_FILL"),
        (fill(""), {}, "FOREIGN_FILL"),
        (fill("", protects=Purpose.LIQUIDATION), {}, "FILL"),
        (replace(fill("manual"), symbol=replace(SPOT, base="DOGE")), {}, ""),
        (fill(at=NOW - SETTLE + 1), {OURS: record(Open())}, ""),
        (fill("manual", at=NOW - SETTLE + 1), {}, ""),
    ],
)
def test_a_trade_that_is_not_booked(
    trade: VenueFill, local: Mapping[str, OrderRecord], kind: str
) -> None:
    """Ours by its order, the venue's own act, a stranger's, or none of our symbols."""
    shown = tuple(order(one) for one in local)
    result = found(local=local, booked={OURS: 0}, before=shown, fills=(trade,))
    assert kinds(result) == [kind] * bool(kind)


def test_funding_that_is_not_booked() -> None:
    """New ones that are old enough, of our symbols."""
    settled = VenueFunding("F1", PERPETUAL, -5, OLD)
    assert kinds(found(funding=(settled,))) == ["FUNDING"]
    assert kinds(found(funding=(settled,), settlements=("F1",))) == []
    assert kinds(found(funding=(replace(settled, occurred_at=NOW),))) == []
    other = replace(settled, symbol=replace(PERPETUAL, base="X"))
    assert kinds(found(funding=(other,), settlements=("F1",))) == []


@pytest.mark.parametrize(
    ("shown", "change"),
    [
        ({"BTC": "0.0509", QUOTE: "100"}, None),
        ({"BTC": "0.0491", QUOTE: "100"}, None),
        ({"BTC": "0.051", QUOTE: "100"}, ("BTC", "0.001")),
        ({"BTC": "0.049", QUOTE: "100"}, ("BTC", "-0.001")),
        ({QUOTE: "100"}, ("BTC", "-0.05")),
        ({"BTC": "0.05", QUOTE: "100.009"}, None),
        ({"BTC": "0.05", QUOTE: "99.99"}, (QUOTE, "-0.01")),
        ({"BTC": "0.05", QUOTE: "100", "ETH": "1"}, ("ETH", "1")),
        ({"BTC": "0.05", QUOTE: "100", "DOGE": "1"}, None),
    ],
)
def test_a_balance_that_is_off(shown: dict[str, str], change: tuple[str, str] | None) -> None:
    """A lot of a coin, a cent of the quote currency; coins that we do not trade are not ours."""
    account = VenueAccount({asset: Decimal(amount) for asset, amount in shown.items()})
    result = found(account=account)
    expected = [] if change is None else [(change[0], Decimal(change[1]))]
    assert [(one.asset, one.change) for one in result.differences] == expected


def test_a_position_that_is_off() -> None:
    """Whole lots, signed, against the contracts of the books."""
    balances = {**BALANCES, ("contracts", str(PERPETUAL)): Decimal("-0.004")}
    result = found(balances=balances, account=VenueAccount(dict(HELD), {}, {PERPETUAL: 2}))
    (only,) = result.differences
    assert (only.asset, only.change, only.symbol) == (
        str(PERPETUAL),
        Decimal("0.006"),
        PERPETUAL,
    )


OFF = VenueAccount({QUOTE: Decimal(50), "BTC": Decimal(0), "ETH": Decimal(3)})


@pytest.mark.parametrize(
    ("state", "booked", "shown"),
    [
        (Submitting(), 0, None),
        (Unknown(0, OLD), 0, None),
        (Cancelling(0), 0, order()),
        (Filled(10), 7, None),
        (Open(), 0, order(filled=4)),
        (Partial(4), 4, order(filled=5)),
    ],
)
def test_balances_of_a_symbol_that_may_have_traded_are_not_judged(
    state: OrderState, booked: int, shown: VenueOrder | None
) -> None:
    """Base and quote wait; another coin does not."""
    result = found(
        local={OURS: record(state)},
        booked={OURS: booked},
        before=() if shown is None else (shown,),
        account=OFF,
    )
    assert [one.asset for one in result.differences] == ["ETH"]
    assert result.moving


def test_an_order_for_which_a_balance_alone_speaks_hides_none() -> None:
    """Else the order would wait for the balance, and the balance for the order."""
    result = found(
        local={OURS: record(Unknown(0, OLD))},
        booked={OURS: 0},
        account=OFF,
        contested=frozenset({OURS}),
    )
    assert [one.asset for one in result.differences] == [QUOTE, "BTC", "ETH"]
    shown = order()
    hidden = found(
        local={OURS: record(Unknown(0, OLD))},
        booked={OURS: 0},
        before=(shown,),
        account=OFF,
        contested=frozenset({OURS}),
    )
    assert [one.asset for one in hidden.differences] == ["ETH"]


@pytest.mark.parametrize(
    "trade",
    [
        fill("manual"),
        fill(OURS),
        fill("manual", at=NOW),
        replace(fill("x"), symbol=SECOND_SPOT, fee=Money.of(1, "BTC")),
    ],
)
def test_balances_wait_for_trades_that_are_not_booked(trade: VenueFill) -> None:
    """Whose trade it is and how old plays no part; the fee's asset waits too."""
    result = found(fills=(trade,), account=OFF)
    assets = {one.asset for one in result.differences if one.kind is Kind.BALANCE}
    assert "BTC" not in assets
    assert QUOTE not in assets


def test_the_quote_waits_for_funding_that_is_not_booked() -> None:
    """However young it is."""
    result = found(funding=(VenueFunding("F1", PERPETUAL, 5, NOW),), account=OFF)
    assert {one.asset for one in result.differences} == {"BTC", "ETH"}


def opened(kind: Kind, key: str) -> DiscrepancyRecord:
    """Return an open discrepancy."""
    name = f"{kind.name.lower()}#{key}#{START}"
    return DiscrepancyRecord(ACCOUNT, name, "BTC/USDT", kind.value, "", "", START)


@pytest.mark.parametrize(
    ("kind", "key", "shown", "state", "over"),
    [
        (Kind.FOREIGN, "m", (order("m"),), None, False),
        (Kind.FOREIGN, "m", (), None, True),
        (Kind.FOREIGN, "BTC/USDT V", (order(""),), None, False),
        (Kind.OURS, OURS, (), None, True),
        (Kind.OURS, OURS, (order(),), Open(), False),
        (Kind.OURS, OURS, (), Unknown(0, OLD), False),
        (Kind.OURS, OURS, (), Canceled(3), False),
        (Kind.OURS, OURS, (), Canceled(0), True),
        (Kind.ENDED, OURS, (), Canceled(0), True),
        (Kind.ENDED, OURS, (order(),), Canceled(0), False),
    ],
)
def test_when_a_discrepancy_about_an_order_is_over(
    kind: Kind, key: str, shown: tuple[VenueOrder, ...], state: OrderState | None, over: bool
) -> None:
    """No longer shown, and of ours everything booked."""
    local = {} if state is None else {OURS: record(state)}
    result = found(local=local, booked={OURS: 0}, before=shown, records=(opened(kind, key),))
    assert ("OVER" in kinds(result)) is over


@pytest.mark.parametrize(("left", "over"), [("0", True), ("0.02", False)])
def test_a_vanished_position_is_over_when_nothing_is_in_suspense(left: str, over: bool) -> None:
    """It came back to the last bit."""
    balances = {**BALANCES, ("suspense", "BTC"): Decimal(left)}
    result = found(balances=balances, records=(opened(Kind.BALANCE, "BTC"),))
    assert ("OVER" in kinds(result)) is over


def test_passes_must_agree_far_enough_apart_and_without_a_gap() -> None:
    """Seen, seen again too soon, and long enough; what was gone meanwhile begins anew."""
    one, other = Difference(Kind.FILL, "a"), Difference(Kind.FILL, "b")
    memory = Agreement(5_000)
    assert memory.take([one], 0) == ()
    assert memory.take([one, other], 4_999) == ()
    assert memory.take([one, other], 5_000) == (one,)
    assert memory.take([other], 9_999) == (other,)
    assert memory.take([one], 12_000) == ()
    memory.forget()
    assert memory.take([one], 20_000) == ()


@pytest.mark.parametrize(
    ("change", "held", "outside", "suspended", "contracts", "expected"),
    [
        ("5", "1", "0", "0", False, [("5", "outside")]),
        ("-1", "1", "0", "0", False, [("-1", "vanished")]),
        ("-3", "5", "2", "0", False, [("-2", "outside"), ("-1", "vanished")]),
        ("5", "0", "0", "-3", False, [("3", "back"), ("2", "outside")]),
        ("2", "0", "0", "-3", False, [("2", "back")]),
        ("5", "3", "0", "0", True, [("5", "outside")]),
        ("-5", "3", "0", "0", True, [("-3", "vanished"), ("-2", "outside")]),
        ("5", "-3", "0", "0", True, [("3", "vanished"), ("2", "outside")]),
        ("-5", "0", "0", "0", True, [("-5", "outside")]),
        ("-5", "0", "0", "3", True, [("-3", "back"), ("-2", "outside")]),
    ],
)
def test_how_an_unexplained_change_is_booked(
    change: str, held: str, outside: str, suspended: str, contracts: bool, expected: list[object]
) -> None:
    """Back from suspense, strangers' goods, ours that vanished; in this order."""
    parts = bookings(
        Decimal(change),
        held=Decimal(held),
        outside=Decimal(outside),
        suspended=Decimal(suspended),
        contracts=contracts,
    )
    assert [(str(one.amount), _book(one)) for one in parts] == expected


def _book(part: Booking) -> str:
    if not part.unexplained:
        return "outside"
    return "vanished" if part.vanished else "back"


@pytest.mark.parametrize(
    ("side", "lots", "held", "outside", "theirs"),
    [
        (1, "5", "0", "0", True),
        (-1, "5", "5", "0", False),
        (-1, "5", "10", "5", True),
        (-1, "6", "10", "5", False),
        (1, "5", "-5", "0", False),
        (-1, "5", "-5", "0", True),
    ],
)
def test_whose_a_foreign_trade_is(
    side: int, lots: str, held: str, outside: str, theirs: bool
) -> None:
    """A stranger's, unless it lowers what is ours."""
    assert is_theirs(side, Decimal(lots), held=Decimal(held), outside=Decimal(outside)) is theirs


def test_what_open_discrepancies_ask_for() -> None:
    """A foreign order holds back its symbol, or a dedicated account; the rest pauses everything."""
    foreign = opened(Kind.FOREIGN, "m")
    assert {key: mode for key, (mode, _) in standing([foreign], dedicated=False).items()} == {
        "BTC/USDT": Mode.REDUCING
    }
    for records, dedicated in (
        ([foreign], True),
        ([opened(Kind.OURS, OURS)], False),
        ([opened(Kind.ENDED, OURS)], False),
        ([opened(Kind.BALANCE, "BTC")], False),
    ):
        modes = standing(records, dedicated=dedicated)
        assert {key: mode for key, (mode, _) in modes.items()} == {"": Mode.PAUSED}
    assert standing([], dedicated=True) == {}
