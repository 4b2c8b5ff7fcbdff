"""I1, I2, I12 and funding: sums done again, from the venue's truth and the committed rows alone."""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal

from mettle.application.journal import EquityMark, FillRecord, LedgerRecord
from mettle.domain.market import Instrument

from .truth import Truth
from .view import JournalView
from .violations import Findings

_UNIT = 10**8


class MoneyRules:
    """Watches ledger entries and marks."""

    def __init__(self, view: JournalView, truth: Truth, found: Findings, initial: int) -> None:
        self._view = view
        self._truth = truth
        self._found = found
        self._initial = initial
        self._instruments = {str(one.symbol): one for one in truth.instruments}
        self._quote = truth.instruments[0].symbol.quote
        self._spent: dict[str, int] = defaultdict(int)
        self._base_fees: dict[str, Decimal] = defaultdict(Decimal)
        self._foreign_fees = 0
        self._quote_fees = 0
        self._others: dict[str, Decimal] = defaultdict(Decimal)
        self._prices: dict[str, Decimal] = {}
        self._funding_seen = 0
        self._settled: dict[str, int] = {}

    def entered(self, entry: LedgerRecord, *, again: bool) -> None:
        """Judge one entry: I1, once only, and funding as the venue settled it."""
        name = f"{entry.kind} {entry.reference}"
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for leg in entry.postings:
            sums[leg.asset] += leg.amount
        off = {asset: rest for asset, rest in sums.items() if rest}
        self._found.need(not off, "I1", f"{name} is off by {off}")
        self._found.need(not again, "I3", f"{name} was entered twice")
        if entry.kind == "funding":
            self._funding(entry)

    def _funding(self, entry: LedgerRecord) -> None:
        settled = self._truth.funding()
        for one in settled[self._funding_seen :]:
            self._settled[one.settlement_id] = one.received
        self._funding_seen = len(settled)
        true = self._settled.get(entry.reference)
        if true is None:
            self._found.broken("I2", f"funding {entry.reference} was never settled")
            return
        booked = sum((leg.amount for leg in entry.postings if leg.account == "wallet"), Decimal(0))
        self._found.need(
            booked * _UNIT == true,
            "I12",
            f"funding {entry.reference}: booked {booked * _UNIT}, was {true}",
        )

    def filled(self, fill: FillRecord) -> None:
        """Take a committed fill into the own sums."""
        instrument = self._instruments[fill.symbol]
        self._spent[fill.symbol] += fill.side * fill.lots * fill.ticks * instrument.unit_value
        if fill.fee_asset == self._quote:
            self._quote_fees += int(fill.fee_amount * _UNIT)
            return
        self._foreign_fees += 1
        self._others[fill.fee_asset] += fill.fee_amount
        if fill.fee_asset == instrument.symbol.base and not instrument.symbol.is_perpetual:
            self._base_fees[fill.symbol] += fill.fee_amount
        elif fill.fee_price is not None:
            self._prices[fill.fee_asset] = fill.fee_price

    def positions(self) -> None:
        """I2: what the ledger holds of each symbol is what its fills made of it."""
        for symbol, instrument in self._instruments.items():
            traded = self._view.lots[symbol] * instrument.lot_size
            expected = traded - self._base_fees[symbol]
            held = self._held(instrument)
            base = instrument.symbol.base
            if not instrument.symbol.is_perpetual:
                expected += self._view.flows.get(base, Decimal(0))
            self._found.need(
                held == expected, "I2", f"{symbol}: the ledger has {held}, fills make {expected}"
            )

    def _held(self, instrument: Instrument) -> Decimal:
        symbol = instrument.symbol
        key = ("contracts", str(symbol)) if symbol.is_perpetual else ("wallet", symbol.base)
        return self._view.balances.get(key, Decimal(0))

    def marked(self, mark: EquityMark) -> None:
        """I12: equity three ways."""
        need = self._found.need
        told = self._initial + mark.realised + mark.unrealised - mark.fees + mark.funding
        flows = int(self._view.flows.get(self._quote, Decimal(0)) * _UNIT) - self._initial
        slack = 4 * bool(self._foreign_fees)
        need(
            min(abs(mark.equity - told), abs(mark.equity - told - flows)) <= slack,
            "I12",
            f"equity {mark.equity} is not opening + realised + unrealised − fees + funding {told}",
        )
        need(
            mark.funding == self._view.funding,
            "I12",
            f"funding {mark.funding} in the mark, {self._view.funding} in the ledger",
        )
        cash, value = self._own(mark)
        if self._foreign_fees == 0:
            need(mark.cash == cash, "I12", f"cash {mark.cash}, by fills and funding {cash}")
        if value is not None:
            own = cash + value
            need(
                abs(mark.equity - own) <= slack,
                "I12",
                f"equity {mark.equity}, by fills and funding {own}",
            )

    def _own(self, mark: EquityMark) -> tuple[int, int | None]:
        """Return cash by the market step's reckoning, and what is held at this mark's closes."""
        view = self._view
        flows = int(view.flows.get(self._quote, Decimal(0)) * _UNIT)
        cash = flows - sum(self._spent.values()) - self._quote_fees + view.funding
        value = Decimal(0)
        for asset, amount in self._others.items():
            if asset in self._prices:
                value -= amount * self._prices[asset] * _UNIT
        for symbol, instrument in self._instruments.items():
            held = view.lots[symbol] * instrument.lot_size - self._base_fees[symbol]
            if not instrument.symbol.is_perpetual:
                held += view.flows.get(instrument.symbol.base, Decimal(0))
            close = view.closes.get((symbol, mark.bar_time), view.last_close.get(symbol))
            if held and close is None:
                return cash, None
            value += held * (close or 0) * instrument.tick_size * _UNIT
        return cash, math.floor(value)
