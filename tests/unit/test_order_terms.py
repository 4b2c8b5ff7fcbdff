"""What is sent to a venue is whole, and its name says whose it is."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    Leg,
    Opening,
    OrderIntent,
    OrderKind,
    OrderTerms,
    Purpose,
    Reduction,
    Side,
    TimeInForce,
    client_order_id,
    is_ours,
)

BTC = Symbol("BTC", "USDT")
TERMS = OrderTerms(BTC, Side.BUY, 5, limit=100)
WISH = Opening("paper-1", BTC, Side.BUY, 5, 3_600_000)
STOP = Reduction("paper-1", BTC, Side.SELL, 5, 3_600_000, Purpose.STOP)
GTD, IOC = TimeInForce.GTD, TimeInForce.IOC


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"lots": 0}, "BTC/USDT: an order needs a positive size, had 0"),
        ({"lots": -5}, "BTC/USDT: an order needs a positive size, had -5"),
        ({"limit": None}, "BTC/USDT: a limit order with limit None"),
        ({"kind": OrderKind.NEXT_OPEN}, "BTC/USDT: a next open order with limit 100"),
        ({"kind": OrderKind.LAST_CLOSE}, "BTC/USDT: a last close order with limit 100"),
        ({"limit": 0}, "BTC/USDT: a limit must be positive, was 0 ticks"),
        ({"limit": -1}, "BTC/USDT: a limit must be positive, was -1 ticks"),
        ({"time_in_force": GTD}, "BTC/USDT: only a GTD order has an end, had None"),
        ({"expires_at": 7}, "BTC/USDT: only a GTD order has an end, had 7"),
        ({"time_in_force": IOC, "expires_at": 7}, "BTC/USDT: only a GTD order has an end, had 7"),
        (
            {"time_in_force": IOC, "post_only": True},
            "BTC/USDT: an order cannot be post-only and immediate",
        ),
    ],
)
def test_terms_that_contradict_themselves_are_refused(change: dict[str, object], rule: str) -> None:
    """Each rule with the value that breaks it, word for word."""
    with pytest.raises(InvalidValue) as caught:
        replace(TERMS, **change)  # type: ignore[arg-type]  # one field after the other
    assert caught.value.message == rule


@pytest.mark.parametrize(
    "terms",
    [
        OrderTerms(BTC, Side.BUY, 1, limit=1),
        OrderTerms(BTC, Side.SELL, 1, OrderKind.NEXT_OPEN),
        OrderTerms(BTC, Side.SELL, 1, OrderKind.LAST_CLOSE, reduce_only=True),
        OrderTerms(BTC, Side.BUY, 1, limit=1, time_in_force=GTD, expires_at=7, post_only=True),
        OrderTerms(BTC, Side.BUY, 1, limit=1, time_in_force=IOC),
        OrderTerms(BTC, Side.BUY, 1, limit=1, post_only=True),
        OrderTerms(BTC, Side.SELL, 1, limit=1, reduce_only=True, trigger=1),
    ],
)
def test_whole_terms_are_taken(terms: OrderTerms) -> None:
    """The smallest order of each shape that is sent; a copy is the same order."""
    assert replace(terms).payload_hash == terms.payload_hash


@pytest.mark.parametrize(
    "change",
    [
        {"trigger": 0},
        {"trigger": 9, "post_only": True},
        {"trigger": 9, "time_in_force": IOC},
        {"trigger": 9, "kind": OrderKind.NEXT_OPEN, "limit": None},
    ],
)
def test_a_stop_can_wait(change: dict[str, object]) -> None:
    """What trades at once, or only ever as a maker, cannot rest behind a trigger."""
    with pytest.raises(InvalidValue, match="a stop rests as a limit order behind a positive"):
        replace(TERMS, **change)  # type: ignore[arg-type]  # one field after the other


def test_the_plain_order_is_a_limit_until_cancelled() -> None:
    """Nothing is post-only, reducing or dated by itself."""
    whole = (TERMS.kind, TERMS.time_in_force, TERMS.expires_at, TERMS.post_only, TERMS.reduce_only)
    assert whole == (OrderKind.LIMIT, TimeInForce.GTC, None, False, False)


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": Symbol("ETH", "USDT")},
        {"side": Side.SELL},
        {"lots": 6},
        {"limit": 101},
        {"kind": OrderKind.NEXT_OPEN, "limit": None},
        {"time_in_force": IOC},
        {"time_in_force": GTD, "expires_at": 7},
        {"post_only": True},
        {"reduce_only": True},
        {"trigger": 99},
    ],
)
def test_the_payload_hash_covers_every_term(change: dict[str, object]) -> None:
    """Whatever differs, the hash differs: one id can never carry two contents unseen."""
    other = replace(TERMS, **change)  # type: ignore[arg-type]  # one field after the other
    assert other.payload_hash != TERMS.payload_hash
    assert other.payload_hash == replace(other).payload_hash


def test_the_payload_hash_is_a_sha_256() -> None:
    """Of the terms as they read, in hex: the journal keeps 64 digits."""
    assert TERMS.payload_hash == hashlib.sha256(repr(TERMS).encode()).hexdigest()


def test_client_order_ids_stay_what_they_are() -> None:
    """Ids are in journals and at venues: a release that changed them would lose its orders."""
    assert client_order_id(WISH, venue="binance", leg=Leg.MAKER, attempt=1) == GOLDEN
    explicit = client_order_id(WISH, venue="binance", environment="paper", leg=Leg.MAKER, attempt=1)
    assert explicit == GOLDEN


GOLDEN = "dec17c2e-a430-5d59-a21d-20e0b9f98e04"


def test_an_id_says_whose_it_is() -> None:
    """Ours whatever the intent, leg and attempt; another account's, venue's or world's never."""
    intents: list[OrderIntent] = [WISH, STOP, replace(WISH, decided_at=9)]
    for intent in intents:
        for leg in Leg:
            for number in (1, 2, 30):
                made = client_order_id(intent, venue="binance", leg=leg, attempt=number)
                assert uuid.UUID(made).version == 5
                assert is_ours(made, "paper-1", venue="binance")
                assert is_ours(made, "paper-1", venue="binance", environment="paper")
                assert not is_ours(made, "paper-2", venue="binance")
                assert not is_ours(made, "paper-1", venue="coinbase")
                assert not is_ours(made, "paper-1", venue="binance", environment="live")


@pytest.mark.parametrize("name", ["", "web_1234", "0" * 32, str(uuid.UUID(int=1, version=4))])
def test_foreign_names_are_not_ours(name: str) -> None:
    """Neither what no id of ours looks like, nor ids of another making."""
    assert not is_ours(name, "paper-1", venue="binance")


def test_the_version_is_looked_at_too() -> None:
    """An id that only begins like ours is not ours."""
    made = client_order_id(WISH, venue="binance", leg=Leg.MAKER, attempt=1)
    other = f"{made[:14]}4{made[15:]}"
    assert uuid.UUID(other).version == 4
    assert not is_ours(other, "paper-1", venue="binance")
    foreign = str(uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"))
    assert not is_ours(foreign, "paper-1", venue="binance")
