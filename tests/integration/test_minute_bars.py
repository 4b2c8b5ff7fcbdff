"""Bars shorter than a maker's patience: what the maker left is still taken in time."""

from __future__ import annotations

from mettle.domain.orders import Filled, Leg
from mettle.domain.simulation import SimulationSettings
from tests.support.exchange_runs import MINUTE, ExchangeRun, minutes
from tests.support.sessions import RUN


def test_the_taker_leg_is_reached() -> None:
    """With a wait of 120 s a minute's signal would be too old before anything could be taken."""
    run = ExchangeRun(minutes(90), settings=SimulationSettings(maker_wait=120))
    run.play()
    with run.store.reading() as unit:
        orders = list(unit.orders.since(RUN, 0))
        outcomes = [one.outcome for one in unit.intents.latest(RUN, 1_000)]
    takers = [one for one in orders if one.leg is Leg.TAKER]
    assert any(isinstance(one.state, Filled) for one in takers)
    too_old = outcomes.count("the signal is too old for another attempt")
    assert len(takers) > 10 * too_old
    for one in orders:
        assert one.terms is not None
        if one.leg is Leg.MAKER and one.terms.expires_at is not None:
            assert one.terms.expires_at - one.intent.decided_at < MINUTE.milliseconds
