"""The rows of an account: attempts, fills, ledger entries. Units as in :mod:`.records`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ...domain.errors import InvalidValue
from ...domain.market import CASH_SCALE
from ...domain.money import multiply, round_half_even
from ...domain.orders import Leg, OrderIntent, OrderState, OrderTerms


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One attempt to trade for an intent, and what became of it.

    Attributes:
        run_id: Which run wrote it down; empty outside of runs.
        client_order_id: Ours, known before it is sent.
        venue_order_id: Theirs, empty until they answer.
        leg: Which part of the execution plan it is; ``attempt`` counts within the leg.
        terms: What was sent; None where an order of the venue's own was booked.
        payload_hash: Of the terms: an id never carries two contents.
        epoch: The lease's, under which it was written.
        fence_at: Venue's time after which the request can no longer be accepted.
        reserved: Worst-case notional held for it until it ends, 1e-8 quote.
        sent_at: When the request left; None if it never did, or if nobody lived to say so.
        evidence: What led to the state, a value of
            :class:`~mettle.domain.orders.Evidence`; empty where none was needed.
        cancel_asked_at: When a cancellation was last asked for.
    """

    run_id: str
    client_order_id: str
    intent: OrderIntent
    state: OrderState
    recorded_at: int
    updated_at: int
    attempt: int = 1
    venue_order_id: str = ""
    leg: Leg = Leg.BAR
    terms: OrderTerms | None = None
    payload_hash: str = ""
    epoch: int = 0
    fence_at: int = 0
    reserved: int = 0
    sent_at: int | None = None
    evidence: str = ""
    cancel_asked_at: int | None = None

    def __post_init__(self) -> None:
        terms, intent = self.terms, self.intent
        if terms is not None and (terms.symbol, terms.side) != (intent.symbol, intent.side):
            raise InvalidValue(
                f"order {self.client_order_id}: terms to {terms.side.value} {terms.symbol} for an "
                f"intent to {intent.side.value} {intent.symbol}"
            )

    @property
    def account(self) -> str:
        """The account it trades."""
        return self.intent.account


@dataclass(frozen=True, slots=True)
class FillRecord:
    """One execution, applied exactly once: account, symbol and trade id name it.

    Attributes:
        sequence: Its place among the account's fills, from 0.
        client_order_id: Empty if no order of ours caused it.
        bar_time: Open of the bar in which it happened.
        side: +1 buy, −1 sell.
        reference: Ticks before slippage.
        fee: Value of the fee, 1e-8 quote, positive is paid; half even if it was paid in another
            asset.
        realised: Profit by average cost, before fees.
        reason: ``FillReason`` number.
        fee_asset, fee_amount: The fee as it was paid, exactly.
        fee_price: What a unit of a third asset's fee cost in the quote currency.
    """

    account: str
    sequence: int
    trade_id: str
    client_order_id: str
    symbol: str
    bar_time: int
    occurred_at: int
    recorded_at: int
    side: int
    lots: int
    ticks: int
    reference: int
    fee: int
    realised: int
    maker: bool
    reason: int
    fee_asset: str
    fee_amount: Decimal
    fee_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PostingRecord:
    """One leg of a ledger entry; the legs of an entry sum to zero in each asset.

    Attributes:
        account: The ledger's account: ``wallet``, ``fees`` …
    """

    account: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """One balanced entry of an account's ledger.

    Attributes:
        sequence: Its place among the account's entries, from 0.
        kind: ``deposit``, ``fill``, ``funding`` …
        reference: What caused it: a trade id, a settlement; applied exactly once.
    """

    account: str
    sequence: int
    kind: str
    reference: str
    occurred_at: int
    recorded_at: int
    postings: tuple[PostingRecord, ...]


def fee_value(amount: Decimal, price: Decimal = Decimal(1)) -> int:
    """Return what a fee is worth in 1e-8 of the quote currency, rounded half to even.

    Args:
        amount: As it was paid, in the fee's asset.
        price: Of a unit of that asset, in the quote currency.

    Raises:
        InvalidValue: If the exact product has more digits than any amount of money.
    """
    numerator, denominator = multiply(
        multiply(amount, price), Decimal(CASH_SCALE)
    ).as_integer_ratio()
    return round_half_even(numerator, denominator)
