"""Whatever is sent and whatever fails, the exchange loses nothing and repeats itself exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mettle.adapters.venues.exchange import CATALOGUE, Fault, FaultPlan, Site
from mettle.application.ports.venue import VenueOrderStatus
from tests.support.exchange_traffic import Traffic, fills_of, orders_of, struck_by
from tests.support.exchanges import START, bench

ROOT = Path(__file__).parents[2]
OPEN = VenueOrderStatus.OPEN


@pytest.mark.parametrize("seed", range(6))
def test_a_storm_conserves_everything(seed: int) -> None:
    """After random traffic with all faults: assets, locks, orders and trades agree (audited)."""
    traffic = Traffic(seed, level=3.0)
    traffic.run(400)
    assert sum(traffic.heard.values()) > 300
    assert len(struck_by(traffic)) > 20


@pytest.mark.parametrize("seed", range(3))
def test_what_clients_are_told_is_never_more_than_the_truth(seed: int) -> None:
    """A pushed fill is a trade of the exchange, word for word; orders show at most their lots."""
    traffic = Traffic(seed, level=3.0)
    traffic.run(400)
    accounts = traffic.world.exchange.floor.accounts.values()
    shown = [one.shown for account in accounts for one in account.trades]
    true = {(str(one.symbol), one.trade_id): one for one in shown}
    assert len(true) == len(shown)
    fills = fills_of(traffic.pushed)
    assert fills
    for fill in fills:
        assert true[str(fill.symbol), fill.trade_id] == fill
    for order in orders_of(traffic.pushed):
        assert 0 <= order.filled <= order.lots
        assert (order.filled == order.lots) is (order.status is VenueOrderStatus.FILLED)


def test_once_faults_end_clients_see_the_truth() -> None:
    """Histories, open orders and balances are the exchange's own; nothing is hidden any more."""
    traffic = Traffic(4, level=3.0, ends_at=START + 3 * 3_600_000)
    traffic.run(500)
    assert traffic.world.exchange.faults.is_over
    before = dict(traffic.world.exchange.faults.fired)
    traffic.world.clock.advance(120_000)
    for name, client in traffic.world.clients.items():
        account = traffic.world.exchange.floor.account(name)
        client.server_time()
        assert client.fills_since(0) == [one.shown for one in account.trades]
        assert client.orders_since(0) == [one.shown() for one in account.orders]
        assert client.open_orders() == [one.shown() for one in account.working.values()]
        assert client.account() == traffic.world.exchange.account(name)
    assert dict(traffic.world.exchange.faults.fired) == before


def test_a_fault_left_out_never_fires_and_leaves_the_others_draws() -> None:
    """A plan without one fault draws as before: the next drawn fault is the same one."""
    picks = []
    for without in ((), (Fault.RESPONSE_LOST,)):
        faults = bench(faults=FaultPlan.storm(1, without=without)).exchange.faults
        picks.append([faults.pick(Site.CREATE, "a", START) for _ in range(2_000)])
    whole, less = picks
    assert Fault.RESPONSE_LOST in whole
    assert [None if one is Fault.RESPONSE_LOST else one for one in whole] == less


def test_rates_are_kept() -> None:
    """Of 20,000 orders as many are struck as the plan says, within five standard deviations."""
    faults = bench(faults=FaultPlan.storm()).exchange.faults
    picks = [faults.pick(Site.CREATE, "a", START) for _ in range(20_000)]
    for fault, terms in CATALOGUE.items():
        if terms.site is Site.CREATE:
            expected = 20_000 * terms.rate
            assert abs(picks.count(fault) - expected) < 5 * expected**0.5


def test_one_seed_is_one_course_of_events_in_every_process() -> None:
    """Two processes with other hash seeds: the same hash of all events, pushes and faults."""
    digests = []
    for hash_seed in ("1", "4242"):
        found = subprocess.run(
            [sys.executable, "-m", "tests.support.exchange_traffic", "11", "300"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.append(found.stdout)
    assert digests[0] == digests[1]
    assert len(digests[0]) == 64


def test_another_seed_is_another_course() -> None:
    """The hash tells courses apart."""
    hashes = []
    for seed in (1, 2):
        traffic = Traffic(seed)
        traffic.run(50)
        hashes.append(traffic.digest())
    assert hashes[0] != hashes[1]
