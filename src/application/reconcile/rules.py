"""What follows from what differs; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ...domain.money import subtract
from ...domain.risk import EVERY_SYMBOL, Mode
from ..journal import DiscrepancyRecord
from .views import Difference, Kind, kind_of


class Agreement:
    """Remembers what passes found: only what two of them show, far enough apart, is acted on.

    Args:
        apart: Least time between the two, milliseconds.
    """

    def __init__(self, apart: int) -> None:
        self._apart = apart
        self._seen: dict[Difference, int] = {}

    def take(self, found: Iterable[Difference], at: int) -> tuple[Difference, ...]:
        """Return what was there before too; what a pass no longer shows is forgotten.

        Args:
            at: The time of the pass on a clock that never steps back, milliseconds.
        """
        now = {one: self._seen.get(one, at) for one in found}
        self._seen = now
        return tuple(one for one, since in now.items() if at - since >= self._apart)

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()


@dataclass(frozen=True, slots=True)
class Booking:
    """A part of a change and where it is booked.

    Attributes:
        unexplained: In suspense; else to what is from outside.
        vanished: Whether it goes into suspense, rather than coming out of it.
    """

    amount: Decimal
    unexplained: bool
    vanished: bool = False


def bookings(
    change: Decimal, *, held: Decimal, outside: Decimal, suspended: Decimal, contracts: bool
) -> tuple[Booking, ...]:
    """Return how a change that no trade explains is booked.

    What comes back leaves suspense first, what strangers brought may go again, anything else that
    comes is theirs; what is left has vanished and goes into suspense.

    Args:
        held: What the books say is there.
        outside: How much of that strangers brought, signed.
        suspended: What is in suspense, signed: negative is gone.
        contracts: Whether it is a perpetual's position, which may be short.
    """
    found: list[Booking] = []
    rest = change
    for amount, unexplained in ((suspended, True), (outside, False)):
        part = _against(rest, amount)
        if part:
            found.append(Booking(part, unexplained))
            rest = subtract(rest, part)
    own = subtract(held, outside)
    gone = _against(rest, own) if contracts else min(rest, Decimal(0))
    if gone:
        found.append(Booking(gone, unexplained=True, vanished=True))
    if come := subtract(rest, gone):
        found.append(Booking(come, unexplained=False))
    return tuple(found)


def _against(change: Decimal, amount: Decimal) -> Decimal:
    """Return the part of a change that undoes an amount of the other sign."""
    if not change or not amount or (change > 0) is (amount > 0):
        return Decimal(0)
    return change if change.copy_abs() <= amount.copy_abs() else amount.copy_negate()


def is_theirs(side: int, lots: Decimal, *, held: Decimal, outside: Decimal) -> bool:
    """Return whether a foreign trade is a stranger's own affair, and not the sale of our position.

    Args:
        lots: Its size, base units.
    """
    change = lots if side > 0 else lots.copy_negate()
    if _against(change, outside) == change:
        return True
    return not _against(change, subtract(held, outside))


def still_outside(held: Decimal, outside: Decimal) -> Decimal:
    """Return how much of what strangers brought can still be there, ≥ 0."""
    both = min(held.copy_abs(), outside.copy_abs())
    return both if (held > 0) is (outside > 0) and held and outside else Decimal(0)


_PAUSES = frozenset({Kind.OURS, Kind.ENDED, Kind.BALANCE})


def is_blocking(record: DiscrepancyRecord) -> bool:
    """Return whether a reconciliation cannot be clean while a discrepancy is open.

    A foreign order is counted and its symbol held back; for the rest the account is understood.
    """
    return kind_of(record) is not Kind.FOREIGN


def standing(
    open_ones: Iterable[DiscrepancyRecord], *, dedicated: bool
) -> Mapping[str, tuple[Mode, str]]:
    """Return the mode that open discrepancies ask for, by symbol, and why."""
    found: dict[str, tuple[Mode, str]] = {}
    for record in open_ones:
        kind = kind_of(record)
        reason = f"{record.kind} {record.symbol}: {record.discrepancy_id}".replace("  ", " ")
        if kind in _PAUSES or (kind is Kind.FOREIGN and dedicated):
            found.setdefault(EVERY_SYMBOL, (Mode.PAUSED, reason))
        elif kind is Kind.FOREIGN:
            found.setdefault(record.symbol, (Mode.REDUCING, reason))
    return found
