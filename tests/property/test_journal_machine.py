"""Memory and SQLite are driven together until they disagree: by results, by errors, by content."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import ThrowawaySqlStore
from mettle.application.journal import (
    BreakerRecord,
    ControlRecord,
    ControlVerb,
    DiscrepancyRecord,
    IntentStatus,
    LeaseRecord,
)
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.errors import NotFound, StorageError
from mettle.domain.orders import (
    Canceled,
    Cancelling,
    Denied,
    Filled,
    Intended,
    NotPlaced,
    Open,
    OrderState,
    Partial,
    Submitting,
    Unknown,
)
from mettle.domain.risk import Mode, ModeCause
from tests.support.journal import attempt, entry, fill, intent

accounts = st.sampled_from(["r", "other"])
few = st.integers(0, 4)
times = st.integers(0, 6)
symbols = st.sampled_from(["", "BTC/USDT", "ETH/USDT"])
names = st.sampled_from(["one", "two"])
states = st.one_of(
    st.sampled_from([Intended(), Submitting(), Open(), NotPlaced("n"), Denied("d"), Canceled(1)]),
    st.builds(Unknown, few, times),
    st.builds(Partial, few),
    st.builds(Cancelling, few),
    st.builds(Filled, few),
)


def everything(unit: UnitOfWork) -> dict[str, Any]:
    """Return all that a unit can say about two accounts."""
    found: dict[str, Any] = {}
    for account in ("r", "other"):
        of_account = {
            "intents": unit.intents.latest(account, 9),
            "working": unit.intents.working(account),
            "orders": unit.orders.latest(account, 9),
            "live": unit.orders.live(account),
            "possibly": unit.orders.possibly_live(account),
            "since": unit.orders.since(account, 3),
            "attempts": [unit.orders.of_intent(account, intent(7).intent_id)],
            "fills": unit.fills.all(account),
            "newest": unit.fills.latest(account, 2),
            "counts": [unit.fills.count(account), unit.fills.next_sequence(account)],
            "filled": [unit.fills.lots_of(account, f"o{place}") for place in range(5)],
            "trade": [unit.fills.find(account, "BTC/USDT", "t1")],
            "ledger": unit.ledger.all(account),
            "cause": [unit.ledger.find(account, "fill", "t1"), unit.ledger.next_sequence(account)],
            "balances": sorted(unit.ledger.balances(account).items()),
            "lease": [unit.leases.find(account)],
            "pending": unit.controls.pending(account),
            "commands": unit.controls.latest(account, 9),
            "command": [unit.controls.find("c1")],
            "modes": unit.modes.all(account),
            "breakers": unit.breakers.all(account),
            "open": unit.discrepancies.open(account),
            "cursors": sorted(unit.cursors.all(account).items()),
            "audit": unit.audit.latest(account, 9),
        }
        found |= {f"{account} {name}": list(rows) for name, rows in of_account.items()}
    return found


class Journals(RuleBasedStateMachine):
    """Two stores, one unit open in each, the same calls on both."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mettle-machine-"))
        self.stores: tuple[Store, Store] = (
            MemoryStore(),
            ThrowawaySqlStore(self.folder / "mettle.db"),
        )
        self._begin()

    def teardown(self) -> None:
        """Close everything."""
        self._end()
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    def _begin(self) -> None:
        self.units = tuple(store.writing() for store in self.stores)

    def _end(self) -> None:
        for unit in self.units:
            unit.__exit__(None, None, None)

    def both(self, act: Callable[[UnitOfWork], Any]) -> None:
        """Do the same in both and compare what comes of it; SQL may tell at the next read only."""
        outcomes: list[tuple[type[Exception] | None, Any]] = []
        for unit in self.units:
            try:
                result = act(unit)
                unit.fills.count("r")
            except (StorageError, NotFound) as error:
                outcomes.append((type(error), None))
            else:
                outcomes.append((None, result))
        assert outcomes[0] == outcomes[1]
        # A NotFound of a statement that runs at once leaves the unit whole.
        if outcomes[0][0] is StorageError:
            for unit in self.units:
                with pytest.raises(StorageError):
                    unit.commit()
            self._end()
            self._begin()

    @initialize()
    def begin_with_orders(self) -> None:
        """Write enough down that most later calls meet something."""
        for unit in self.units:
            for place in range(3):
                unit.intents.add(intent(7 + place))
                unit.orders.add(attempt(f"o{place}", 7 + place, "r", place))
            unit.leases.acquire("r", "one", 0, 3)
            unit.controls.add(ControlRecord("c0", "r", ControlVerb.STOP, "", "ann", 5))
            unit.commit()

    @rule()
    def commit(self) -> None:
        """Keep what was written, and go on in the same units."""
        for unit in self.units:
            unit.commit()

    @rule(whole=st.booleans())
    def end(self, whole: bool) -> None:
        """End both units, with a commit or without."""
        for unit in self.units:
            if whole:
                unit.commit()
        self._end()
        self._begin()

    @rule(account=accounts, at=few)
    def add_intent(self, account: str, at: int) -> None:
        """Write an intent down."""
        self.both(lambda unit: unit.intents.add(intent(7 + at, account)))

    @rule(
        account=accounts,
        at=st.integers(0, 2),
        status=st.sampled_from(IntentStatus),
        stage=names,
        time=times,
    )
    def update_intent(
        self, account: str, at: int, status: IntentStatus, stage: str, time: int
    ) -> None:
        """Change an intent that may not be there."""
        changed = replace(intent(7 + at, account), status=status, stage=stage, updated_at=time)
        if self._there(lambda unit: unit.intents.find(account, changed.intent_id)):
            self.both(lambda unit: unit.intents.update(changed))

    @rule(order=few, at=few, account=accounts, time=times, state=states)
    def add_order(self, order: int, at: int, account: str, time: int, state: OrderState) -> None:
        """Write an attempt down."""
        record = replace(attempt(f"o{order}", 7 + at, account, time), state=state)
        self.both(lambda unit: unit.orders.add(record))

    @rule(order=st.integers(0, 2), state=states, time=times, sent=st.none() | times, evidence=names)
    def update_order(
        self, order: int, state: OrderState, time: int, sent: int | None, evidence: str
    ) -> None:
        """Change an attempt that may not be there."""
        changed = replace(
            attempt(f"o{order}"),
            state=state,
            updated_at=time,
            fence_at=time,
            sent_at=sent,
            evidence=evidence,
        )
        if self._there(lambda unit: unit.orders.find(f"o{order}")):
            self.both(lambda unit: unit.orders.update(changed))

    def _there(self, find: Callable[[UnitOfWork], Any]) -> bool:
        found = [find(unit) for unit in self.units]
        assert found[0] == found[1]
        return found[0] is not None

    @rule(account=accounts, sequence=few, trade=few, order=st.none() | few, lots=st.integers(1, 9))
    def add_fill(
        self, account: str, sequence: int, trade: int, order: int | None, lots: int
    ) -> None:
        """Book a fill, of an order that may not be there."""
        order_id = "" if order is None else f"o{order}"
        record = replace(
            fill(sequence, f"t{trade}", order_id),
            account=account,
            lots=lots,
            fee_price=Decimal(lots) if lots % 2 else None,
        )
        self.both(lambda unit: unit.fills.add(record))

    @rule(account=accounts, sequence=few, reference=few, amount=st.decimals(-9, 9, places=12))
    def add_entry(self, account: str, sequence: int, reference: int, amount: Decimal) -> None:
        """Book an entry."""
        record = replace(entry(sequence, f"t{reference}", f"{amount:f}"), account=account)
        self.both(lambda unit: unit.ledger.add(record))

    @rule(account=accounts, holder=names, now=times, longer=times)
    def acquire(self, account: str, holder: str, now: int, longer: int) -> None:
        """Try to take a lease."""
        self.both(lambda unit: unit.leases.acquire(account, holder, now, now + longer))

    @rule(account=accounts, wrong=st.sampled_from(["", "epoch", "holder"]), time=times)
    def hold(self, account: str, wrong: str, time: int) -> None:
        """Prolong a lease that may be another's by now."""
        lease = self._lease(account, wrong)
        self.both(lambda unit: unit.leases.renew(lease, time))

    @rule(account=accounts, wrong=st.sampled_from(["", "epoch", "holder"]), time=times)
    def let_go(self, account: str, wrong: str, time: int) -> None:
        """Release a lease that may be another's by now."""
        lease = self._lease(account, wrong)
        self.both(lambda unit: unit.leases.release(lease, time))

    def _lease(self, account: str, wrong: str) -> LeaseRecord:
        lease = self.units[0].leases.find(account) or LeaseRecord(account, "one", 0, 0, 0)
        if wrong == "epoch":
            return replace(lease, epoch=lease.epoch - 1)
        return replace(lease, holder="nobody") if wrong else lease

    @rule(account=accounts, now=times)
    def bump(self, account: str, now: int) -> None:
        """Fence the holder off."""
        self.both(lambda unit: unit.leases.bump(account, now))

    @rule(control=few, account=accounts, verb=st.sampled_from(ControlVerb))
    def command(self, control: int, account: str, verb: ControlVerb) -> None:
        """Give a command."""
        record = ControlRecord(f"c{control}", account, verb, "", "ann", 5)
        self.both(lambda unit: unit.controls.add(record))

    @rule(control=few, time=times)
    def handle(self, control: int, time: int) -> None:
        """Handle a command that may not be there."""
        self.both(lambda unit: unit.controls.handled(f"c{control}", time, "done"))

    @rule(account=accounts, symbol=symbols, cause=names, mode=st.sampled_from(Mode), since=times)
    def put_cause(self, account: str, symbol: str, cause: str, mode: Mode, since: int) -> None:
        """Add a cause."""
        self.both(lambda unit: unit.modes.put(ModeCause(account, symbol, cause, mode, since, "")))

    @rule(account=accounts, symbol=symbols, cause=names)
    def clear_cause(self, account: str, symbol: str, cause: str) -> None:
        """Remove a cause that may not be there."""
        self.both(lambda unit: unit.modes.clear(account, symbol, cause))

    @rule(account=accounts, name=names, state=names, time=times)
    def put_breaker_and_cursor(self, account: str, name: str, state: str, time: int) -> None:
        """Write a breaker and a cursor down."""

        def act(unit: UnitOfWork) -> None:
            unit.breakers.put(BreakerRecord(account, name, state, "{}", time))
            unit.cursors.put(account, name, time)

        self.both(act)

    @rule(account=accounts, name=names, opened=times, closed=st.none() | times)
    def put_discrepancy(self, account: str, name: str, opened: int, closed: int | None) -> None:
        """Write a finding down, open or closed."""
        record = DiscrepancyRecord(account, name, "", "position", "1", "2", opened, closed)
        self.both(lambda unit: unit.discrepancies.put(record))

    @rule(account=accounts, text=names)
    def note(self, account: str, text: str) -> None:
        """Write a note down."""
        self.both(lambda unit: unit.audit.add(account, "mode", text, 1, 2))

    @invariant()
    def they_say_the_same(self) -> None:
        """Both units see the same; both stores hold the same."""
        assert everything(self.units[0]) == everything(self.units[1])
        with self.stores[0].reading() as one, self.stores[1].reading() as two:
            assert everything(one) == everything(two)


TestJournals = Journals.TestCase
TestJournals.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
