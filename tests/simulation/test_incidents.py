"""Every fault of the simulated exchange as an incident of its own, under a real trading session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from mettle.adapters.venues.exchange import CATALOGUE, ExchangeRules, Fault, FaultPlan, Site, Strike
from mettle.application.ports.venue import RepeatedId
from tests.support.incident_verdict import judge, live_on, unsettled
from tests.support.incidents import (
    BEGIN,
    CALM,
    END,
    FEED_ERRORS,
    MINUTE,
    SETTLED,
    Incident,
    fast_folder,
)

_SHARE = 0.4
_SHARES: Mapping[Site, float] = {Site.FEED: 0.15, Site.CALL: 0.1, Site.READ: 0.2, Site.CANCEL: 1.0}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder for the database."""
    with fast_folder(tmp_path) as folder:
        yield folder


def _plan(fault: Fault) -> FaultPlan:
    site = CATALOGUE[fault].site
    if fault is Fault.STOP_LOCKS_BALANCE:
        # It needs coins that are held: often enough that one of them finds some.
        minutes = range(2, 20, 2)
        locks = tuple(
            Strike(fault, BEGIN + minute * MINUTE, until=BEGIN + (minute + 2) * MINUTE)
            for minute in minutes
        )
        return FaultPlan(strikes=locks, ends_at=CALM)
    if site is Site.LASTING:
        strikes: tuple[Strike, ...] = (
            Strike(fault, BEGIN + 3 * MINUTE, until=BEGIN + 8 * MINUTE),
            Strike(fault, BEGIN + 12 * MINUTE, until=CALM),
        )
        return FaultPlan(strikes=strikes, ends_at=CALM)
    if site is Site.EVENT:
        minutes = range(4, 20, 4)
        struck = tuple(Strike(fault, BEGIN + minute * MINUTE) for minute in minutes)
        return FaultPlan(strikes=struck, ends_at=CALM)
    if fault is Fault.BANNED_418:
        return FaultPlan({Fault.RATE_LIMIT_429: 0.1, fault: 1.0}, ends_at=CALM)
    return FaultPlan({fault: _SHARES.get(site, _SHARE)}, ends_at=CALM)


def _name(fault: Fault) -> str:
    return fault.name.lower()


_STRUCK = [fault for fault in Fault if fault is not Fault.FILL_WHILE_DOWN]


@pytest.mark.parametrize("fault", _STRUCK, ids=_name)
def test_fault_of_the_exchange(fault: Fault, disk: Path) -> None:
    """One fault strikes again and again; nothing is lost or doubled, and all ends by evidence."""
    tolerated = FEED_ERRORS if CATALOGUE[fault].site is Site.FEED else ()
    # Where little is traded, orders rest until they are cancelled.
    swing = 0.00005 if CATALOGUE[fault].site is Site.CANCEL else 0.001
    world = Incident(_plan(fault), disk, swing=swing, tolerated=tolerated)
    try:
        live_on(world)
        assert world.fired(fault) > 0
        judge(world)
    finally:
        world.close()


# Longer ones, and other rules of the exchange.


def test_dns_is_gone_for_an_hour_with_live_orders(disk: Path) -> None:
    """No name resolves for an hour; the dated orders end by themselves, and are found again."""
    shift = 50 * MINUTE
    plan = FaultPlan(
        strikes=(Strike(Fault.DNS_GONE, BEGIN + 6 * MINUTE, until=BEGIN + 66 * MINUTE),)
    )
    world = Incident(plan, disk, bars=120)
    try:
        world.live(CALM + shift)
        assert world.fired(Fault.DNS_GONE) > 0
        world.live(SETTLED + shift)
        assert unsettled(world, CALM + shift) == []
        world.live(END + shift)
        judge(world)
    finally:
        world.close()


@pytest.mark.parametrize("fault", [Fault.FILL_LATE, Fault.FILL_TWICE])
def test_push_comes_forty_minutes_late(disk: Path, fault: Fault) -> None:
    """Pushes of fills that are long booked, long after everything is over."""
    world = Incident(FaultPlan({fault: 0.6}, ends_at=CALM), disk, bars=100)
    try:
        world.live(CALM + 45 * MINUTE)
        assert world.fired(fault) > 0
        judge(world)
    finally:
        world.close()


OTHERS = {
    "returns original": ExchangeRules(RepeatedId.RETURNS_ORIGINAL, lookup_by_id=False),
    "unique among open": ExchangeRules(RepeatedId.UNIQUE_AMONG_OPEN, stamped=True),
}


@pytest.mark.parametrize("rules", OTHERS.values(), ids=OTHERS.keys())
@pytest.mark.parametrize(
    "fault",
    [
        Fault.REQUEST_LOST,
        Fault.RESPONSE_LOST,
        Fault.ARRIVES_LATE,
        Fault.VISIBLE_LATE,
        Fault.ERROR_THEN_FILL,
    ],
    ids=lambda fault: fault.name.lower(),
)
def test_lost_create_under_other_rules_of_ids(
    disk: Path, fault: Fault, rules: ExchangeRules
) -> None:
    """What a repeated id leads to differs between venues; nothing is sent twice at any."""
    world = Incident(FaultPlan({fault: 0.4}, ends_at=CALM), disk, rules=replace(rules))
    try:
        world.live(CALM)
        assert world.fired(fault) > 0
        live_on(world)
        judge(world)
    finally:
        world.close()
