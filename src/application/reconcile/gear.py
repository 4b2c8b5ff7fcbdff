"""What reconciliation needs besides the desk's bench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ...domain.money import Money, Price
from ...domain.risk import Mode
from ..execution.gear import BookKeeper
from ..journal import LedgerRecord
from ..ports.venue import VenueFunding

CAUSE = "reconciliation"
"""The one mode cause that is set and released here."""


class AccountBooks(BookKeeper, Protocol):
    """The books, as far as they are held against the venue."""

    def balances(self) -> Mapping[tuple[str, str], Decimal]:
        """Return what each ledger account holds of each asset, exactly."""

    def has_settled(self, funding: VenueFunding) -> bool:
        """Return whether the settlement is booked."""

    def adjust(
        self,
        entry_id: str,
        change: Money,
        price: Price | None,
        occurred_at: int,
        recorded_at: int,
        *,
        unexplained: bool = False,
    ) -> LedgerRecord | None:
        """Book a change that no order of ours explains; None if it is booked already.

        A change of the quote currency is written down under ``entry_id`` itself.

        Args:
            change: In any asset, or in a perpetual's contracts under its symbol.
            price: Of the asset in the quote currency, unless it is the quote currency.
            unexplained: Book it against ``suspense`` instead of ``external``.
        """


class ModeBoard(Protocol):
    """Where a mode cause is put up and taken down; the bench writes it with its transaction."""

    def impose(self, cause: str, mode: Mode, reason: str, now: int, symbol: str = "") -> None:
        """Add a cause, or change that of the same symbol and name."""

    def lift(self, cause: str, now: int, symbol: str = "") -> bool:
        """Remove a cause; return whether there was one."""


@dataclass(frozen=True, slots=True)
class ReconcilePlan:
    """What fixes the course of reconciliation; times in milliseconds.

    Attributes:
        dedicated_account: Whether nobody else may order on the account; a foreign order then
            pauses all of it.
        began: When the books were opened, Unix milliseconds UTC; trades before are none of ours.
        interval: Between two reconciliations when all is well.
        settle: What moved within this time is left out; two passes that agree are this far apart.
        overlap: How far before the cursor histories are read, and the most that the venue's clock
            counts as behind ours.
        patience: How long after a booking that nothing explained the cursor stays where it is, so
            that a late trade can still explain it.
        slowest: The longest pause between passes while something is pending.
        cash_tolerance: How far the quote currency may be off, in its own units.
    """

    dedicated_account: bool = False
    began: int = 0
    interval: int = 900_000
    settle: int = 5_000
    overlap: int = 600_000
    patience: int = 3_600_000
    slowest: int = 60_000
    cash_tolerance: Decimal = Decimal("0.01")
