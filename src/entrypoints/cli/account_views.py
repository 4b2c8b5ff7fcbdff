"""Orders, decisions and standings as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .output import Cell, Table, utc

if TYPE_CHECKING:
    from ...application.control import AccountStanding, BreakerView, OrderView, Sign
    from ...application.journal import DiscrepancyRecord, FillRecord, IntentRecord, OrderRecord
    from ...domain.market import Instrument
    from ..workspace import Workspace

ORDER_COLUMNS = (
    *("written", "order", "symbol", "side", "size", "filled", "price"),
    *("state", "purpose", "leg"),
)


def terms_of(workspace: Workspace) -> Mapping[str, Instrument]:
    """Return the instruments of the lake by symbol: the journal counts in lots and ticks."""
    return {str(line.instrument.symbol): line.instrument for line in workspace.data.catalogue()}


def order_row(view: OrderView, terms: Mapping[str, Instrument]) -> tuple[Cell, ...]:
    """Return one line of a list of orders."""
    from ...application.control import state_words

    order = view.order
    symbol = str(order.intent.symbol)
    return (
        utc(order.recorded_at),
        order.client_order_id,
        symbol,
        order.intent.side.value,
        size(lots_of(order), terms.get(symbol)),
        size(view.filled, terms.get(symbol)),
        price(view.ticks, terms.get(symbol)),
        state_words(order.state),
        order.intent.purpose.value,
        order.leg.value,
    )


def order_document(order: OrderRecord) -> dict[str, Any]:
    """Return an attempt for JSON, in lots and ticks."""
    from ...application.control import state_words
    from ...domain.orders import Opening, filled_lots

    intent, terms = order.intent, order.terms
    return {
        "account": order.account,
        "run_id": order.run_id,
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "symbol": str(intent.symbol),
        "side": intent.side.value,
        "lots": lots_of(order),
        "purpose": intent.purpose.value,
        "opens": isinstance(intent, Opening),
        "decided_at": intent.decided_at,
        "state": state_words(order.state).partition(":")[0],
        "reason": getattr(order.state, "reason", ""),
        "filled_at_venue": filled_lots(order.state),
        "evidence": order.evidence,
        "leg": order.leg.value,
        "attempt": order.attempt,
        "kind": None if terms is None else terms.kind.value,
        "limit_ticks": None if terms is None else terms.limit,
        "time_in_force": None if terms is None else terms.time_in_force.value,
        "post_only": None if terms is None else terms.post_only,
        "reduce_only": None if terms is None else terms.reduce_only,
        "epoch": order.epoch,
        "recorded_at": order.recorded_at,
        "sent_at": order.sent_at,
        "updated_at": order.updated_at,
        "cancel_asked_at": order.cancel_asked_at,
    }


def view_document(view: OrderView, terms: Mapping[str, Instrument]) -> dict[str, Any]:
    """Return one order of a list for JSON; sizes of a lot and a tick where the lake knows them."""
    own = terms.get(str(view.order.intent.symbol))
    return {
        **order_document(view.order),
        "filled_lots": view.filled,
        "average_ticks": view.ticks,
        "lot_size": None if own is None else f"{own.lot_size:f}",
        "tick_size": None if own is None else f"{own.tick_size:f}",
    }


def intent_document(intent: IntentRecord) -> dict[str, Any]:
    """Return an intent for JSON."""
    return {
        "intent_id": intent.intent_id,
        "symbol": str(intent.intent.symbol),
        "side": intent.intent.side.value,
        "lots": intent.intent.lots,
        "purpose": intent.intent.purpose.value,
        "plan": intent.plan,
        "arrival_ticks": intent.arrival,
        "deadline": intent.deadline,
        "status": intent.status.value,
        "verdict": intent.verdict,
        "outcome": intent.outcome,
        "recorded_at": intent.recorded_at,
        "updated_at": intent.updated_at,
    }


def fills_table(fills: Sequence[FillRecord], terms: Mapping[str, Instrument]) -> Table:
    """Return the fills of an order."""
    rows: list[tuple[Cell, ...]] = [
        (
            utc(one.occurred_at),
            one.trade_id,
            size(one.lots, terms.get(one.symbol)),
            price(one.ticks, terms.get(one.symbol)),
            f"{one.fee_amount:f} {one.fee_asset}",
            "maker" if one.maker else "taker",
        )
        for one in fills
    ]
    return Table(("filled", "trade", "size", "price", "fee", "liquidity"), rows, title="fills")


def standing_document(standing: AccountStanding) -> dict[str, Any]:
    """Return how an account stands, for JSON."""
    lease = standing.lease
    return {
        "account": standing.account,
        "kind": account_kind(standing),
        "mode": standing.mode.name,
        "mode_in_words": standing.in_words,
        "causes": [
            {
                "symbol": one.symbol,
                "cause": one.cause,
                "mode": one.mode.name,
                "since": one.since or None,
                "reason": one.reason,
            }
            for one in standing.causes
        ],
        "running": standing.is_running,
        "lease": None
        if lease is None
        else {"holder": lease.holder, "epoch": lease.epoch, "expires_at": lease.expires_at},
        "orders_live": standing.live,
        "orders_unknown": [one.client_order_id for one in standing.unknown],
        "discrepancies": [
            {
                "id": one.discrepancy_id,
                "symbol": one.symbol,
                "kind": one.kind,
                "ours": one.ours,
                "theirs": one.theirs,
                "opened_at": one.opened_at,
                "note": one.note,
            }
            for one in standing.discrepancies
        ],
        "pending": [
            {"verb": one.verb.value, "argument": one.argument, "by": one.issued_by,
             "issued_at": one.issued_at}
            for one in standing.pending
        ],
    }  # fmt: skip


def account_kind(standing: AccountStanding) -> str:
    """Return the mode of trading in capitals: PAPER, or the account's environment."""
    if standing.run is not None:
        return standing.run.kind.upper()
    return standing.account.partition(":")[0].upper()


def standing_rows(standing: AccountStanding) -> list[tuple[Cell, ...]]:
    """Return how an account stands, line by line."""
    lease = standing.lease
    held = "none" if lease is None or not standing.is_running else lease.holder
    return [
        ("account", standing.account),
        ("trading", account_kind(standing)),
        ("mode", f"{standing.mode.name}: {standing.in_words}"),
        *(
            (f"because {one.symbol or 'account'}", f"{one.cause}: {one.reason}")
            for one in standing.causes
        ),
        ("session", held),
        ("orders", f"{standing.live} may be live, {len(standing.unknown)} unknown"),
        *(
            (f"differs {one.discrepancy_id}", difference(one)) for one in standing.discrepancies
        ),
    ]  # fmt: skip


def difference(found: DiscrepancyRecord) -> str:
    """Return a discrepancy in words."""
    where = found.symbol or "account"
    return f"{where} {found.kind}: ours {found.ours}, theirs {found.theirs}"


def breakers_table(breakers: Sequence[BreakerView]) -> Table:
    """Return the breakers."""
    rows: list[tuple[Cell, ...]] = [
        (
            one.name,
            one.phase.value,
            one.now or None,
            one.limit or None,
            utc(one.until) if one.until else None,
            "needs a reset" if one.needs_operator else None,
            one.cause or None,
        )
        for one in breakers
    ]
    columns = ("breaker", "state", "now", "trips at", "until", "operator", "cause")
    return Table(columns, rows, title="breakers")


def signs_table(signs: Sequence[Sign]) -> Table:
    """Return the signs of health."""
    rows: list[tuple[Cell, ...]] = [
        (one.level.value, one.name, one.text, one.mend or None) for one in signs
    ]
    return Table(("verdict", "sign", "found", "mend"), rows)


def lots_of(order: OrderRecord) -> int:
    """Return the size of an attempt, which may be less than its intent's."""
    return order.intent.lots if order.terms is None else order.terms.lots


def size(lots: int, terms: Instrument | None) -> str:
    """Return lots in units of the base, or as lots where the lot's size is not known."""
    if terms is None:
        return f"{lots} lots"
    return f"{terms.lot_size * lots:f}"


def price(ticks: float | None, terms: Instrument | None) -> str | None:
    """Return a price, or ticks where the tick's size is not known."""
    if ticks is None:
        return None
    if terms is None:
        return f"{ticks:.10g} ticks"
    return f"{float(terms.tick_size) * ticks:.10g}"
