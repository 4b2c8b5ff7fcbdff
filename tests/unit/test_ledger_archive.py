"""Booked entries come back digit by digit, and take little room for as long as an account lives."""

from __future__ import annotations

import gc
import tracemalloc
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from mettle.domain.ledger import Entry, EntryKind, Ledger, Posting, spot_fill
from mettle.domain.ledger.archive import Archive
from mettle.domain.market import Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity
from mettle.domain.orders import Fill, Side

_NAMES = st.text(min_size=1, max_size=6)
_AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20)


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Return balanced entries with ids of their own."""
    found = []
    for name in draw(st.lists(_NAMES, unique=True, max_size=8)):
        legs: list[Posting] = []
        for asset, amount in draw(st.lists(st.tuples(_NAMES, _AMOUNTS), min_size=1, max_size=3)):
            there = Posting(draw(_NAMES), asset, amount)
            legs += [there, Posting(draw(_NAMES), asset, there.amount.copy_negate())]
        times = draw(st.integers(0, 2**45)), draw(st.integers(0, 2**45))
        found.append(Entry(name, *times, draw(st.sampled_from(EntryKind)), tuple(legs)))
    return found


def told(entry: Entry) -> tuple[object, ...]:
    """Return an entry with its amounts as written: 1.0 and 1 are equal, and not the same digits."""
    legs = [(one.account, one.asset, str(one.amount)) for one in entry.postings]
    return entry.entry_id, entry.occurred_at, entry.recorded_at, entry.kind, legs


@given(entries())
def test_what_was_kept_comes_back(kept: list[Entry]) -> None:
    """Every field, every digit, in the order of booking."""
    archive = Archive()
    for entry in kept:
        archive.add(entry)
        found = archive.get(entry.entry_id)
        assert found is not None
        assert told(found) == told(entry)
    assert [told(one) for one in archive] == [told(one) for one in kept]
    assert len(archive) == len(kept)
    for entry in kept:
        found = archive.get(entry.entry_id)
        assert found is not None
        assert told(found) == told(entry)
        assert entry.entry_id in archive


def test_packed_entries_come_back() -> None:
    """Over many blocks: by id in any order, and all in the order of booking."""
    archive, kept = Archive(), [spot_fill(fill(number), number) for number in range(1_000)]
    for entry in kept:
        archive.add(entry)
    assert len(archive) == len(kept)
    assert [told(one) for one in archive] == [told(one) for one in kept]
    for entry in (*kept[::-7], *kept[::131]):
        found = archive.get(entry.entry_id)
        assert found is not None
        assert told(found) == told(entry)
        assert entry.entry_id in archive
    assert archive.get("fill:nowhere") is None


def test_an_unknown_id_is_not_there() -> None:
    """An empty archive answers, too."""
    archive = Archive()
    assert archive.get("nobody") is None
    assert "nobody" not in archive
    assert list(archive) == []


def fill(number: int) -> Fill:
    """Return one of many fills."""
    return Fill(
        str(number),
        f"o{number}",
        Symbol("BTC", "USDT"),
        Side.BUY if number % 2 else Side.SELL,
        Quantity(Decimal(number % 97 + 1) / 10_000),
        Price(Decimal(60_000) + Decimal(number % 1_000) / 10),
        Money(Decimal(number % 89 + 1) / 1_000, "USDT"),
        Liquidity.TAKER,
        1_700_000_000_000 + number,
    )


def test_a_fill_takes_less_than_a_quarter_of_a_kilobyte() -> None:
    """A session that trades for months must not grow by what it has long booked."""
    count = 4_000
    ledger = Ledger()
    ledger.append(spot_fill(fill(0), 5))
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, count + 1):
            ledger.append(spot_fill(fill(number), 1_700_000_000_000 + number))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / count < 250, (after - before) / count
    ledger.verify()
