"""Integers read off the ledger after a trade, of what it moved alone, are those of all of it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from mettle.adapters.system import SimulatedClock
from mettle.application.session.books import Books
from mettle.application.session.projection import project
from mettle.domain.money import Money
from mettle.domain.orders import Purpose
from tests.support.reconciling import (
    ACCOUNT,
    CAPITAL,
    PERPETUAL,
    QUOTE,
    SECOND_SPOT,
    SPOT,
    START,
    ScriptedVenue,
    instruments,
)


@pytest.mark.parametrize("asset", [SPOT.base, SECOND_SPOT.base, QUOTE])
def test_a_trade_moves_its_symbol_and_what_paid_its_fee(asset: str) -> None:
    """Fees in a coin that is held, in that of another symbol, and in the quote currency later."""
    books = Books(ACCOUNT, "run", instruments(), CAPITAL)
    books.open(START, START)
    venue = ScriptedVenue(SimulatedClock(START))
    turns = [(SPOT, 40), (SECOND_SPOT, 30), (PERPETUAL, -7), (SPOT, -13), (PERPETUAL, 9)]
    for number, (symbol, change) in enumerate(turns * 4):
        first = number < 2
        fee = Money.of("0.0007", SPOT.base if first and asset == QUOTE else asset)
        fill = venue.trade(symbol, "", change, fee=fee, ticks=10_000 + 37 * number)
        if fee.currency not in {symbol.base, QUOTE} or symbol.is_perpetual:
            fill = replace(fill, fee_price=Money.of("100", QUOTE))
        books.book(fill, "", Purpose.OPERATOR, START + number)
        whole = deepcopy(books.account)
        project(whole, books.portfolio, {one.symbol: one for one in instruments()})
        assert whole == books.account
