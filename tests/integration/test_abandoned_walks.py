"""A walk over a table that was left half-way does not hold its connection in the past."""

from __future__ import annotations

from pathlib import Path

import pytest
from mettle.adapters.persistence.sql import SqlStore
from mettle.domain.errors import StorageError
from tests.support.journal import entry

ENTRIES = 2_000
ACCOUNT = "r"


def filled(store: SqlStore) -> None:
    """Write more entries than any page holds."""
    with store.writing() as unit:
        for place in range(ENTRIES):
            unit.ledger.add(entry(place, f"t{place}"))
        unit.commit()


def test_who_left_a_walk_half_way_can_write_again(tmp_path: Path) -> None:
    """Its iterator is still held, as by the traceback of an error, and another wrote since."""
    file = tmp_path / "mettle.db"
    with SqlStore(file) as store, SqlStore(file) as other:
        filled(store)
        with store.reading() as unit:
            walk = unit.ledger.all(ACCOUNT)
            next(walk)
        with other.writing() as unit:
            unit.ledger.add(entry(ENTRIES, "theirs"))
            unit.commit()
        with store.writing() as unit:
            unit.ledger.add(entry(ENTRIES + 1, "ours"))
            unit.commit()
        with store.reading() as unit:
            assert unit.ledger.next_sequence(ACCOUNT) == ENTRIES + 2
        del walk


def test_a_walk_ends_with_its_transaction(tmp_path: Path) -> None:
    """It says so where it goes on: fewer rows than there are would be taken for all."""
    with SqlStore(tmp_path / "mettle.db") as store:
        filled(store)
        with store.writing() as unit:
            walk = unit.ledger.all(ACCOUNT)
            next(walk)
            unit.ledger.add(entry(ENTRIES, "later"))
            unit.commit()
            with pytest.raises(StorageError, match="closed"):
                list(walk)
        with store.reading() as unit:
            assert sum(1 for _ in unit.ledger.all(ACCOUNT)) == ENTRIES + 1
