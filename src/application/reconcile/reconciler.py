"""Reconciler: when the books are held against the venue, and what that permits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from enum import Enum

from ...domain.errors import StorageError, TimedOut, VenueError
from ...domain.ledger import CONTRACTS, EXTERNAL, WALLET
from ...domain.market import Symbol
from ...domain.money import subtract
from ..execution.bench import RETRY, SECOND, Bench
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import RateLimited
from .acts import Acts
from .causes import Causes
from .compare import compare
from .gear import AccountBooks, ModeBoard, ReconcilePlan
from .keeper import Keeper
from .reader import FILLS, AccountUnread, Reader, Watermark
from .rules import Agreement, is_blocking, still_outside
from .views import Difference, Kind, Scope, kind_of


class Outcome(Enum):
    """What one pass came to."""

    CLEAN = "clean"
    """Books and venue agree; what strangers do is counted."""
    PENDING = "pending"
    """Something moved, could not be read, or was seen for the first time: another pass follows."""
    DIFFERS = "differs"
    """Two passes agreed on a difference, or one from before is still open."""


class Reconciler:
    """Holds the account's books against the venue, one pass at a time.

    Works at the order desk's bench and in its transactions. Not thread-safe.

    Args:
        bench: The desk's own.
        books: The account's books, the same as the desk's.
        modes: Where causes are put up; the same as the desk's ruling.
    """

    def __init__(
        self, bench: Bench, books: AccountBooks, modes: ModeBoard, plan: ReconcilePlan
    ) -> None:
        self._bench = bench
        self._books = books
        self._plan = plan
        self._causes = Causes(bench, modes, dedicated=plan.dedicated_account)
        self._keeper = Keeper(bench, self._causes)
        self._reader = Reader(bench, books, plan)
        self._acts = Acts(bench, books, self._keeper)
        self._agreement = Agreement(plan.settle)
        self._restless = 0
        self._reason = "start"
        self._due = 0
        self._ran_at = 0
        self._foreign: Mapping[Symbol, int] = {}

    def next_due(self) -> int:
        """Return when the next pass is due, Unix milliseconds UTC."""
        return self._due

    def due(self, now: int) -> bool:
        """Return whether a pass is due; a clock that was set back makes it so."""
        return now >= self._due or now < self._ran_at

    def request(self, reason: str) -> None:
        """Ask for a pass at once: after a reconnect, an UNKNOWN order, an insufficient balance."""
        self._reason, self._due, self._restless = reason, 0, 0

    @property
    def foreign(self) -> Mapping[Symbol, int]:
        """Lots that strangers hold or may still get, of each symbol that has any."""
        found = {one: self.foreign_lots(one) for one in self._bench.plan.instruments}
        return {one: lots for one, lots in found.items() if lots}

    def foreign_lots(self, symbol: Symbol) -> int:
        """Return the lots of a symbol that strangers hold or may still get, worst case.

        Orders count as the last pass saw them, holdings as they are booked.
        """
        lot = self._bench.plan.instruments[symbol].lot_size
        held = int((self.outside(symbol) / lot).to_integral_value(ROUND_CEILING))
        return self._foreign.get(symbol, 0) + held

    def outside(self, symbol: Symbol) -> Decimal:
        """Return how much of what is held strangers brought, base units ≥ 0: never to be sold."""
        balances, zero = self._books.balances(), Decimal(0)
        perpetual = symbol.is_perpetual
        asset = str(symbol) if perpetual else symbol.base
        held = balances.get((CONTRACTS if perpetual else WALLET, asset), zero)
        return still_outside(held, subtract(zero, balances.get((EXTERNAL, asset), zero)))

    def acknowledge(self, unit: UnitOfWork, which: str, by: str) -> str:
        """Take a person's word that something may stay in suspense; in the caller's transaction.

        Args:
            which: A discrepancy's id, or several with commas between; empty for all that wait for a
                person.

        Returns:
            What came of it, for the control row.
        """
        wanted = frozenset(which.split(","))
        waiting = [
            one
            for one in unit.discrepancies.open(self._bench.plan.account)
            if kind_of(one) is Kind.BALANCE and (not which or one.discrepancy_id in wanted)
        ]
        self._keeper.open = list(unit.discrepancies.open(self._bench.plan.account))
        for record in waiting:
            self._keeper.closed(unit, record, f"acknowledged by {by}")
        if not waiting:
            return f"no discrepancy {which or 'at all'} waits for a person"
        self.request("acknowledged")
        return f"acknowledged: {', '.join(one.discrepancy_id for one in waiting)}"

    def run(self) -> Outcome:
        """Do one pass.

        Raises:
            StorageError: If the journal could not be read or written; the desk has to recover
                before the next pass.
        """
        bench = self._bench
        self._ran_at = bench.now
        if bench.gear.venue.capabilities.bar_orders:
            # Such a venue is rebuilt from our own journal and has nothing else to tell.
            return self._end(Outcome.CLEAN)
        if bench.stale:
            self._due = bench.now + RETRY
            return Outcome.PENDING
        try:
            return self._pass()
        except StorageError:
            self._forget()
            raise

    def _forget(self) -> None:
        """Begin anew: what we hold may be ahead of what is written."""
        self._agreement.forget()
        self._causes.forget()
        self._due = self._bench.now + RETRY

    def _pass(self) -> Outcome:
        mark = self._reader.watermark()
        self._keeper.open = list(mark.open)
        self._causes.recall()
        self._keeper.reason = self._reason
        try:
            theirs = self._reader.venue(mark)
        except AccountUnread as error:
            self._lose_sight(error.message)
            return self._end(Outcome.PENDING, error)
        except (VenueError, TimedOut) as error:
            self._causes.clean = 0
            return self._end(Outcome.PENDING, error)
        findings = compare(self._scope(), self._reader.local(mark, theirs), theirs)
        self._foreign = findings.foreign
        agreed = self._agreement.take(findings.differences, self._ticks())
        news = [one for one in findings.differences if not self._is_counted(one)]
        acted = [one for one in agreed if one in news]
        for difference in acted:
            self._acts.act(difference, mark.since, theirs.server_time)
        if acted or any(is_blocking(one) for one in self._keeper.open):
            outcome = Outcome.DIFFERS
        else:
            outcome = Outcome.PENDING if news or findings.moving else Outcome.CLEAN
        self._write_end(outcome, mark, theirs.server_time)
        return self._end(outcome, again=bool(news) or findings.moving)

    def _is_counted(self, difference: Difference) -> bool:
        return difference.kind is Kind.FOREIGN and self._keeper.has(difference)

    def _ticks(self) -> int:
        return round(self._bench.gear.clock.monotonic() * SECOND)

    def _lose_sight(self, why: str) -> None:
        if self._causes.lose_sight(why):
            self._bench.write(lambda unit: self._keeper.audit(unit, "account", why))

    def _scope(self) -> Scope:
        plan = self._bench.plan
        return Scope(
            plan.account,
            self._bench.gear.venue.name,
            plan.environment,
            plan.instruments,
            self._plan.settle,
            self._plan.cash_tolerance,
        )

    def _write_end(self, outcome: Outcome, mark: Watermark, server_time: int) -> None:
        """Put up and take down causes, and move the cursor, in one transaction."""
        clean = outcome is Outcome.CLEAN
        changed = self._causes.passed(self._keeper.open, clean=clean)
        explained = server_time - mark.unexplained >= self._plan.patience

        def write(unit: UnitOfWork) -> None:
            if clean and explained:
                unit.cursors.put(self._bench.plan.account, FILLS, server_time)

        if changed or (clean and explained):
            self._bench.write(write)

    def _end(
        self, outcome: Outcome, error: VenueError | TimedOut | None = None, *, again: bool = False
    ) -> Outcome:
        """Set when the next pass is due; one that waits for something comes ever more slowly."""
        now, plan = self._bench.now, self._plan
        if outcome is Outcome.PENDING:
            self._restless += 1
            pause = min(plan.settle << min(self._restless - 1, 10), plan.slowest)
        else:
            self._restless = 0
            waiting = self._causes.are_waiting and outcome is Outcome.CLEAN
            pause = plan.settle if again or waiting else plan.interval
        if isinstance(error, RateLimited):
            pause = max(pause, error.retry_after_ms)
        if outcome is Outcome.CLEAN:
            self._reason = "interval"
        self._due = now + pause
        return outcome
