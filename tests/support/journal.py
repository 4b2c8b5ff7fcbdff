"""Records to write into journals, with values at the edge of what they hold."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from mettle.application.journal import (
    AssetDecision,
    DecisionRecord,
    EquityMark,
    FillRecord,
    IntentRecord,
    IntentStatus,
    LedgerRecord,
    OrderRecord,
    PostingRecord,
    RunRecord,
    SeenBar,
)
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    Leg,
    Opening,
    OrderTerms,
    Purpose,
    Reduction,
    Side,
    Submitting,
    TimeInForce,
    intent_id,
)

BTC = Symbol.parse("BTC/USDT")
BIG = 2**63 - 1

MakeStore = Callable[[], Store]


def write(store: Store, act: Callable[[UnitOfWork], None]) -> None:
    """Do something in one committed unit."""
    with store.writing() as unit:
        act(unit)
        unit.commit()


def run(run_id: str = "r", created_at: int = 5) -> RunRecord:
    """Return a run."""
    return RunRecord(
        run_id, "paper", "ema-cross", "1h", ("BTC/USDT", "ETH/USDT"), "simulated", "USDT",
        BIG, '{"a": 1}', synthetic=True, created_at=created_at,
    )  # fmt: skip


def bar(open_time: int, symbol: str = "BTC/USDT") -> SeenBar:
    """Return a bar with values at the edge of 64 bits."""
    return SeenBar("r", symbol, open_time, 5, 9, 1, BIG, BIG, 1, -7, 8, open_time + 1, "c" * 64)


def order(order_id: str = "o1") -> OrderRecord:
    """Return an order on its way."""
    intent = Opening("r", BTC, Side.SELL, BIG, 100, 7)
    return OrderRecord("r", order_id, intent, Submitting(), 101, 101)


def fill(sequence: int, trade_id: str, order_id: str = "o1") -> FillRecord:
    """Return a fill."""
    return FillRecord(
        "r", sequence, trade_id, order_id, "BTC/USDT", 100, 101, 102, -1, BIG, 3, 4, 17, -BIG,
        maker=True, reason=2, fee_asset="USDT", fee_amount=Decimal("0.00000017"),
    )  # fmt: skip


def entry(
    sequence: int, reference: str, amount: str = "0.123456789012345678901234567890"
) -> LedgerRecord:
    """Return an entry whose amount no float can hold."""
    legs = (
        PostingRecord("wallet", "BTC", Decimal(amount)),
        PostingRecord("conversion", "BTC", -Decimal(amount)),
    )
    return LedgerRecord("r", sequence, "fill", reference, 7, 8, legs)


def mark(bar_time: int) -> EquityMark:
    """Return a mark."""
    return EquityMark("r", bar_time, bar_time + 1, bar_time + 2, BIG, -BIG, 3, -4, 5, 6, -7)


def decision(bar_time: int) -> DecisionRecord:
    """Return a decision over two assets, one without a number."""
    assets = (
        AssetDecision("BTC/USDT", 0.25, 2500, -100, 12, 12, "buy 0.12 BTC"),
        AssetDecision("ETH/USDT", None, None, 0, None, 0, "hold: action was NaN"),
    )
    return DecisionRecord("r", bar_time, bar_time + 1, bar_time + 2, BIG, assets)


def opening(decided_at: int = 7, account: str = "r") -> Opening:
    """Return an opening that turns a position."""
    return Opening(account, BTC, Side.SELL, BIG, decided_at, BIG - 1)


def intent(decided_at: int = 7, account: str = "r") -> IntentRecord:
    """Return an intent that has just been approved."""
    wanted = opening(decided_at, account)
    return IntentRecord(
        account, "run", intent_id(wanted), wanted, "maker first", BIG, BIG, IntentStatus.WORKING,
        '{"leg": "maker"}', "", 101, 101, "approved",
    )  # fmt: skip


def attempt(order_id: str, decided_at: int = 7, account: str = "r", at: int = 101) -> OrderRecord:
    """Return an attempt with everything that an attempt may carry."""
    terms = OrderTerms(
        BTC, Side.SELL, 5, limit=BIG, time_in_force=TimeInForce.GTD, expires_at=BIG,
        post_only=True, reduce_only=True,
    )  # fmt: skip
    return OrderRecord(
        "run", order_id, opening(decided_at, account), Submitting(), at, at, 3, "", Leg.MAKER,
        terms, terms.payload_hash, BIG, BIG, BIG, BIG, "query", BIG,
    )  # fmt: skip


def stop(order_id: str) -> OrderRecord:
    """Return a stop that the venue made: nothing was sent."""
    wanted = Reduction("r", BTC, Side.BUY, 3, 100, Purpose.TRAILING_STOP)
    return OrderRecord("run", order_id, wanted, Submitting(), 101, 101)
