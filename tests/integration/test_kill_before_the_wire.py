"""A kill between the writing of a bar's order and its sending: nothing hangs, then or later."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.backtest import BacktestRequest
from mettle.application.journal import OrderRecord
from mettle.application.session.paper import PaperRequest, start_paper
from mettle.application.strategies import EmaCross
from mettle.domain.orders import Filled, NotPlaced, Submitting, Unknown
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import panel, paper_desk

MARKET = panel(200, ("BTC/USDT",))
TRIAL = BacktestRequest(MARKET, EmaCross(3, 9), SimulationSettings(), resamples=0)
RUN = "run-00000001"
_ORDERS = 10_000


class Abrupt(Exception):
    """The process ends here."""


class BriefKill(MemoryKillSwitch):
    """A flag that is there for one look only, and that look is the sender's.

    Args:
        skipped: How many orders pass first.
        fatal: Whether the process dies at that look instead.
    """

    def __init__(self, store: MemoryStore, skipped: int, *, fatal: bool = False) -> None:
        super().__init__()
        self._store = store
        self._fatal = fatal
        self._left = skipped
        self._seen: set[str] = set()
        self.struck = ""

    def reason(self, account: str) -> str | None:
        """Strike the order after those that pass, and only it."""
        with self._store.reading() as unit:
            live = unit.orders.possibly_live(account)
        for order in live:
            if isinstance(order.state, Submitting) and order.client_order_id not in self._seen:
                self._seen.add(order.client_order_id)
                if len(self._seen) == self._left + 1:
                    self.struck = order.client_order_id
                    if self._fatal:
                        raise Abrupt
                    return "somebody pressed the button"
        return None


def orders(store: MemoryStore) -> list[OrderRecord]:
    """Return the run's orders, the newest first."""
    with store.reading() as unit:
        return list(unit.orders.latest(RUN, _ORDERS))


def test_what_was_not_sent_does_not_block_its_symbol() -> None:
    """It is proven absent at once, and what the strategy wants next is sent and filled."""
    store = MemoryStore()
    switch = BriefKill(store, 4)
    start_paper(PaperRequest(TRIAL), paper_desk(store, switch))
    found = orders(store)
    (struck,) = [one for one in found if one.client_order_id == switch.struck]
    assert struck.state == NotPlaced("killed before it was sent: somebody pressed the button")
    assert not [one for one in found if isinstance(one.state, Unknown)]
    later = [
        one
        for one in found
        if one.recorded_at > struck.recorded_at and one.intent.symbol == struck.intent.symbol
    ]
    assert [one for one in later if isinstance(one.state, Filled)]


@pytest.mark.parametrize("lost", [True, False], ids=["unknown", "submitting"])
def test_a_restart_settles_what_was_never_sent(*, lost: bool) -> None:
    """What was being sent is sent, once; what an older journal calls unknown was never placed."""
    store = MemoryStore()
    switch = BriefKill(store, 4, fatal=True)
    with pytest.raises(Abrupt):
        start_paper(PaperRequest(TRIAL), paper_desk(store, switch))
    (struck,) = [one for one in orders(store) if one.client_order_id == switch.struck]
    if lost:
        with store.writing() as unit:
            unit.orders.update(replace(struck, state=Unknown(0, struck.recorded_at)))
            unit.commit()
    start_paper(PaperRequest(TRIAL, run_id=RUN), paper_desk(store, MemoryKillSwitch()))
    (settled,) = [one for one in orders(store) if one.client_order_id == switch.struck]
    assert isinstance(settled.state, NotPlaced if lost else Filled)
    assert not [one for one in orders(store) if isinstance(one.state, (Unknown, Submitting))]
