"""Durable intents: what the journal keeps a second, beside the bare disk in the same run.

A T1 is what precedes every order: the intent and its first attempt in a transaction of their own,
synced in full before anything is sent. A T2 is the venue's answer to it. The bare disk writes as
many bytes as a T1 adds to the write-ahead log, in place, with an fdatasync each: turn by turn with
the journal, on the same file system.
"""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import SqlStore, ThrowawaySqlStore
from mettle.application.journal import IntentRecord, IntentStatus, OrderRecord
from mettle.application.ports.unit_of_work import Store
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    Leg,
    Open,
    Opening,
    OrderTerms,
    Side,
    Submitting,
    client_order_id,
    intent_id,
)

ACCOUNT = "testnet:binance:main"
BLOCK = 200
BAR = 8
"""Intents of one bar, written by one commit."""
_FIRST = 1_700_000_000_000
_SYMBOL = Symbol.parse("BTC/USDT")

T = TypeVar("T")
Pair = tuple[IntentRecord, OrderRecord]


def run(full: bool) -> list[dict[str, Any]]:
    """Measure blocks of transactions in turns.

    Args:
        full: More blocks.
    """
    blocks = 60 if full else 15
    here = Path("build") if Path("build").is_dir() else Path()
    with tempfile.TemporaryDirectory(dir=here, prefix="journal-") as name:
        folder = Path(name)
        with SqlStore(folder / "mettle.db") as store:
            size = _bytes_of_t1(store, folder / "mettle.db-wal")
            figures = _turns(store, folder / "bare", size, blocks)
        with ThrowawaySqlStore(folder / "throwaway.db") as throwaway:
            figures["throwaway"] = _alone(throwaway, blocks)
        with closing(MemoryStore()) as memory:
            figures["memory"] = _alone(memory, blocks)
    bare = figures["bare"]
    return [
        _row("T1: intent and attempt, one commit", figures["t1"], bare),
        _row(f"T1: {BAR} intents of a bar, one commit", figures["bar"], bare),
        _row("T2: the venue's answer, one commit", figures["t2"], bare),
        _row(f"bare write of {size} bytes + fdatasync", bare, None),
        _row("T1 without sync, for simulations", figures["throwaway"], None),
        _row("T1 in memory, for simulations", figures["memory"], None),
    ]


def _pairs() -> Iterator[Pair]:
    for place in itertools.count():
        wanted = Opening(ACCOUNT, _SYMBOL, Side.BUY, 100, _FIRST + 60_000 * place)
        terms = OrderTerms(_SYMBOL, Side.BUY, 100, limit=5_000_000, post_only=True)
        order_id = client_order_id(wanted, venue="binance", leg=Leg.MAKER, attempt=1)
        now = wanted.decided_at + 5
        yield (
            IntentRecord(
                ACCOUNT, "run-1", intent_id(wanted), wanted, "maker first", 5_000_000,
                now + 60_000, IntentStatus.WORKING, '{"leg": "maker"}', "", now, now,
            ),
            OrderRecord(
                "run-1", order_id, wanted, Submitting(), now, now, 1, "", Leg.MAKER, terms,
                terms.payload_hash, 3, now + 10_000, 10**12,
            ),
        )  # fmt: skip


def _write(store: Store, pairs: list[Pair]) -> None:
    with store.writing() as unit:
        for intent, order in pairs:
            unit.intents.add(intent)
            unit.orders.add(order)
        unit.commit()


def _answer(store: Store, order: OrderRecord) -> None:
    with store.writing() as unit:
        unit.orders.update(replace(order, state=Open(), venue_order_id="1", updated_at=9))
        unit.commit()


def _bytes_of_t1(store: Store, log: Path) -> int:
    """Return what a T1 adds to the log of an empty journal, which is small enough not to wrap."""
    pairs = _pairs()
    _write(store, [next(pairs)])
    before, count = log.stat().st_size, 40
    for _ in range(count):
        _write(store, [next(pairs)])
    return (log.stat().st_size - before) // count


def _turns(store: Store, bare: Path, size: int, blocks: int) -> dict[str, list[float]]:
    """Return what a block of each kind does a second; the kinds take turns."""
    pairs = itertools.islice(_pairs(), 1_000, None)
    found: dict[str, list[float]] = {"t1": [], "bar": [], "t2": [], "bare": []}
    block = bytes(size) * BLOCK
    with bare.open("wb") as made:
        made.write(block)
    descriptor = os.open(bare, os.O_WRONLY)
    try:
        for _ in range(blocks):
            ready = list(itertools.islice(pairs, BLOCK))
            found["t1"].append(_rate(ready, lambda pair: _write(store, [pair])))
            found["t2"].append(_rate(ready, lambda pair: _answer(store, pair[1])))
            bars = [list(itertools.islice(pairs, BAR)) for _ in range(BLOCK // BAR)]
            found["bar"].append(BAR * _rate(bars, lambda bar: _write(store, bar)))

            def sync(place: int) -> None:
                os.pwrite(descriptor, block[:size], place * size)
                os.fdatasync(descriptor)

            found["bare"].append(_rate(list(range(BLOCK)), sync))
    finally:
        os.close(descriptor)
    return found


def _alone(store: Store, blocks: int) -> list[float]:
    pairs = _pairs()
    return [
        _rate(list(itertools.islice(pairs, BLOCK)), lambda pair: _write(store, [pair]))
        for _ in range(blocks)
    ]


def _rate(items: list[T], act: Callable[[T], None]) -> float:
    start = time.perf_counter()
    for item in items:
        act(item)
    return len(items) / (time.perf_counter() - start)


def _row(name: str, values: list[float], peer: list[float] | None) -> dict[str, Any]:
    """Return the median; other users of a disk make the ends wild."""
    low, middle, high = statistics.quantiles(values, n=4)
    row: dict[str, Any] = {
        "name": name,
        "value": middle,
        "unit": "1/s",
        "spread": (high - low) / middle,
        "best": max(values),
    }
    if peer is not None:
        row["peer"] = f"bare disk {statistics.median(peer):,.0f}"
        row["ratio"] = middle / statistics.median(peer)
    return row
