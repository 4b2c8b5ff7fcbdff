"""Runs as tables and as JSON: how they stand, and what a dry run would have sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .account_views import price, size
from .output import Cell, Table, utc

if TYPE_CHECKING:
    from ...application.journal import IntentRecord
    from ...application.session.dry_run import DryBook, Unsent
    from ...application.session.queries import Decision, RunStanding
    from ...domain.market import Instrument


def run_document(standing: RunStanding) -> dict[str, object]:
    """Return how a run stands, for JSON."""
    run, mark = standing.run, standing.mark
    return {
        "run_id": run.run_id,
        "mode": run.kind.upper(),
        "status": run.status.value,
        "agent": run.agent,
        "symbols": list(run.symbols),
        "timeframe": run.timeframe,
        "synthetic": run.synthetic,
        "quote": run.quote,
        "equity": standing.equity,
        "change": standing.change,
        "last_close": None if mark is None else mark.marked_at,
        "decisions": standing.decisions,
        "fills": standing.fills,
    }


def run_table(standing: RunStanding, profile: str) -> Table:
    """Return how a run stands."""
    run, mark = standing.run, standing.mark
    change = "-" if standing.change is None else f"{100 * standing.change:+.2f} %"
    rows: list[tuple[Cell, ...]] = [
        ("run", run.run_id),
        ("mode", run.kind.upper()),
        ("status", run.status.value),
        ("agent", run.agent),
        ("symbols", ", ".join(run.symbols)),
        ("data", "SYNTHETIC" if run.synthetic else "recorded"),
        ("risk profile", profile),
        ("last close", None if mark is None else utc(mark.marked_at)),
        ("equity", f"{standing.equity:.2f} {run.quote}"),
        ("change", change),
        ("decisions", standing.decisions),
        ("fills", standing.fills),
    ]
    return Table(("", "value"), rows)


def reasons_table(decisions: Sequence[Decision]) -> Table:
    """Return the last decisions with their reasons."""
    rows: list[tuple[Cell, ...]] = [(utc(one.time), one.action, one.why) for one in decisions]
    return Table(("decided", "action", "why"), rows, title="last decisions")


def dry_document(book: DryBook, terms: Mapping[str, Instrument]) -> dict[str, Any]:
    """Return everything that a dry run wanted, for JSON."""
    return {
        "sent": 0,
        "would_send": [_unsent(one, terms) for one in book.would_send],
        "held_back": [
            {
                "decided_at": one.intent.decided_at,
                "symbol": str(one.intent.symbol),
                "side": one.intent.side.value,
                "lots": one.intent.lots,
                "quantity": _quantity(one.intent.lots, terms.get(str(one.intent.symbol))),
                "purpose": one.intent.purpose.value,
                "verdict": one.verdict,
                "outcome": one.outcome,
            }
            for one in book.held_back
        ],
    }


def dry_tables(book: DryBook, terms: Mapping[str, Instrument], limit: int) -> list[Table | str]:
    """Return the newest of what a dry run wanted, in words."""
    sent, kept = book.would_send, book.held_back
    found: list[Table | str] = []
    found.append(
        f"nothing was sent; {len(sent)} orders would have been, {len(kept)} wishes were held back"
    )
    if sent:
        columns: Sequence[str] = ("decided", "would send", "limit", "worth", "how", "risk says")
        rows = [_line(one, terms) for one in sent[:limit]]
        found.append(Table(columns, rows, title=_title("would have been sent", sent, limit)))
    if kept:
        rows = [_held(one, terms) for one in kept[:limit]]
        columns = ("decided", "wish", "why it was held back")
        found.append(Table(columns, rows, title=_title("held back", kept, limit)))
    return found


def _title(words: str, rows: Sequence[object], limit: int) -> str:
    return words if len(rows) <= limit else f"{words}, the last {limit} of {len(rows)}"


def _unsent(one: Unsent, terms: Mapping[str, Instrument]) -> dict[str, Any]:
    own, sent = terms.get(str(one.terms.symbol)), one.terms
    return {
        "client_order_id": one.client_order_id,
        "decided_at": one.intent.intent.decided_at,
        "taken_at": one.taken_at,
        "symbol": str(sent.symbol),
        "side": sent.side.value,
        "lots": sent.lots,
        "quantity": _quantity(sent.lots, own),
        "limit_ticks": sent.limit,
        "limit": price(sent.limit, own),
        "notional": _worth(one, own),
        "time_in_force": sent.time_in_force.value,
        "expires_at": sent.expires_at,
        "post_only": sent.post_only,
        "reduce_only": sent.reduce_only,
        "purpose": one.intent.intent.purpose.value,
        "verdict": one.intent.verdict,
    }


def _line(one: Unsent, terms: Mapping[str, Instrument]) -> tuple[Cell, ...]:
    own, sent = terms.get(str(one.terms.symbol)), one.terms
    return (
        utc(one.intent.intent.decided_at),
        f"{sent.side.value} {size(sent.lots, own)} {sent.symbol}",
        price(sent.limit, own),
        _worth(one, own),
        _how(one),
        one.intent.verdict,
    )


def _held(one: IntentRecord, terms: Mapping[str, Instrument]) -> tuple[Cell, ...]:
    intent = one.intent
    lots = size(intent.lots, terms.get(str(intent.symbol)))
    return utc(intent.decided_at), f"{intent.side.value} {lots} {intent.symbol}", one.outcome


def _how(one: Unsent) -> str:
    sent = one.terms
    flags = ["post-only"] if sent.post_only else []
    flags += ["reduce-only"] if sent.reduce_only else []
    return ", ".join([*flags, f"limit, {sent.time_in_force.value}"])


def _worth(one: Unsent, own: Instrument | None) -> str | None:
    if own is None or one.terms.limit is None:
        return None
    units = one.terms.lots * one.terms.limit * own.unit_value
    return f"{units / 10**8:.2f} {own.symbol.quote}"


def _quantity(lots: int, own: Instrument | None) -> str | None:
    return None if own is None else f"{own.lot_size * lots:f}"
