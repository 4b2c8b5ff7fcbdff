"""Durable intents: what the journal keeps a second, beside the bare disk in the same run.

A T1 is what precedes every order: the intent and its first attempt in a transaction, synced in full
before anything is sent; the intents of one bar share it. A T2 is the venue's answer. The floor is
measured turn by turn with the journal, on the same file system: the bare disk writes as many bytes
as a T1 adds to the write-ahead log, in place, with an fdatasync each; and a bare SQLite, with the
same settings, commits one row of one table. The processor's part says what of an intent is ours.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

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
BLOCK = 120
BARS = (1, 4, 10, 32)
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
    blocks = 60 if full else 10
    here = Path("build") if Path("build").is_dir() else Path()
    with tempfile.TemporaryDirectory(dir=here, prefix="journal-") as name:
        folder = Path(name)
        with SqlStore(folder / "mettle.db") as store:
            size = _bytes_of_t1(store, folder / "mettle.db-wal")
            figures = _turns(store, folder, size, blocks)
        with ThrowawaySqlStore(folder / "throwaway.db") as throwaway:
            alone = {"T1 without sync, for simulations": _alone(throwaway, blocks)}
        with closing(MemoryStore()) as memory:
            alone["T1 in memory, for simulations"] = _alone(memory, blocks)
    bare = figures.pop(_BARE)
    rows = [_row(name, rates, bare) for name, rates in figures.items()]
    rows += [
        {
            "name": f"{_t1(count)}: processor",
            "value": statistics.median(figures[_t1(count)].costs) * 1e6,
            "unit": "µs an intent",
        }
        for count in (1, 10)
    ]
    rows.append(_row(f"bare write of {size:,} bytes + fdatasync", bare, None))
    return rows + [_row(name, rates, None) for name, rates in alone.items()]


_BARE, _SQLITE, _T2 = (
    "bare",
    "bare SQLite: one row, one commit",
    "T2: the venue's answer, one commit",
)


def _t1(size: int) -> str:
    return "T1: one intent, one commit" if size == 1 else f"T1: {size} intents of a bar, one commit"


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


def _turns(store: Store, folder: Path, size: int, blocks: int) -> dict[str, Figures]:
    """Return what a block of each kind does; the kinds take turns."""
    pairs = itertools.islice(_pairs(), 1_000, None)
    # A log of full length is written in place; one that still grows costs the disk twice as much.
    _write(store, list(itertools.islice(pairs, 2 * _LOG)))
    kinds = [*map(_t1, BARS), _T2, _SQLITE, _BARE]
    found: dict[str, Figures] = {kind: Figures() for kind in kinds}
    with _Floor(folder, size) as floor:
        for _ in range(blocks):
            ones: list[Pair] = []
            for count in BARS:
                bars = [list(itertools.islice(pairs, count)) for _ in range(BLOCK // count)]
                found[_t1(count)].take(bars, lambda bar: _write(store, bar), count)
                ones += bars[0]
            found[_T2].take(ones, lambda pair: _answer(store, pair[1]))
            found[_SQLITE].take(range(BLOCK // 2), floor.commit)
            found[_BARE].take(range(BLOCK), floor.sync)
    return found


def _alone(store: Store, blocks: int) -> Figures:
    pairs, found = _pairs(), Figures()
    for _ in range(blocks):
        ready = list(itertools.islice(pairs, BLOCK))
        found.take(ready, lambda pair: _write(store, [pair]))
    return found


class Figures:
    """What a second held, and what each item cost the processor, block by block."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.costs: list[float] = []

    def take(self, items: Sequence[T], act: Callable[[T], object], count: int = 1) -> None:
        """Measure a block of acts that are worth ``count`` each."""
        wall, processor = time.perf_counter(), time.process_time()
        for item in items:
            act(item)
        done = count * len(items)
        self.costs.append((time.process_time() - processor) / done)
        self.rates.append(done / (time.perf_counter() - wall))


class _Floor:
    """What the disk, and SQLite upon it, do without us."""

    def __init__(self, folder: Path, size: int) -> None:
        self._block, self._size = bytes(size), size
        self._file = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT)
        os.pwrite(self._file, bytes(size * BLOCK), 0)
        os.fsync(self._file)
        self._database = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE one (place INTEGER PRIMARY KEY, content TEXT)")
        self._add(8 * _LOG)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        os.close(self._file)

    def sync(self, place: int) -> None:
        """Write in place and wait for the disk."""
        os.pwrite(self._file, self._block, place * self._size)
        os.fdatasync(self._file)

    def commit(self, _: int) -> None:
        """Commit one row."""
        self._add(1)

    def _add(self, rows: int) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT INTO one (content) VALUES (?)", [(_TEXT,)] * rows)
        self._database.execute("COMMIT")


_TEXT = "x" * 500
_LOG = 1_000
"""Pages after which SQLite writes its log from the beginning again."""


def _row(name: str, figures: Figures, peer: Figures | None) -> dict[str, Any]:
    """Return the median; other users of a disk make the ends wild."""
    low, middle, high = statistics.quantiles(figures.rates, n=4)
    row: dict[str, Any] = {
        "name": name,
        "value": middle,
        "unit": "1/s",
        "spread": f"{low:,.0f} … {high:,.0f}",
        "best": max(figures.rates),
    }
    if peer is not None:
        bare = statistics.median(peer.rates)
        row["peer"] = f"bare disk {bare:,.0f}"
        row["ratio"] = middle / bare
    return row
