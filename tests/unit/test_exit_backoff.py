"""Exits that come to nothing: tried again ever later, never given up."""

from __future__ import annotations

from itertools import pairwise

from mettle.application.session.exit_backoff import ExitBackoff
from mettle.domain.market import Symbol

BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")


def tried(tries: ExitBackoff, lots: int, since: int, until: int, every: int = 1_000) -> list[int]:
    """Return when an exit is tried by somebody who asks every second."""
    return [now for now in range(since, until, every) if tries.allows(BTC, lots, now)]


def test_the_pause_doubles_to_fifteen_seconds_and_no_further() -> None:
    """2, 4, 8, 15, 15 … seconds, for as long as it takes."""
    found = tried(ExitBackoff(), 10, 0, 3_600_000)
    assert [b - a for a, b in pairwise(found)][:5] == [2_000, 4_000, 8_000, 15_000, 15_000]
    assert max(b - a for a, b in pairwise(found)) == 15_000
    assert len(found) > 230


def test_a_fill_another_symbol_or_a_minute_of_quiet_begins_anew() -> None:
    """What is left of a position is tried at once."""
    tries = ExitBackoff()
    assert tried(tries, 10, 0, 5_000) == [0, 2_000]
    assert tries.allows(BTC, 9, 5_000)
    assert tries.allows(ETH, 10, 5_000)
    assert tried(tries, 9, 5_000, 12_000) == [7_000, 11_000]
    assert tried(tries, 9, 71_000, 74_000) == [71_000, 73_000]


def test_a_clock_that_was_set_back_holds_nothing_up() -> None:
    """The wait of the future is over."""
    tries = ExitBackoff()
    assert tries.allows(BTC, 10, 3_600_000)
    assert tries.allows(BTC, 10, 5)
