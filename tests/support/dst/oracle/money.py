"""I1, I2, I12 and funding: sums done again, from the venue's truth and the committed rows alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
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
        self._moved = False
        self._unknown_cost = False
        self._others: dict[str, Decimal] = defaultdict(Decimal)
        self._prices: dict[str, Decimal] = {}
        bases = {one.symbol.base for one in truth.instruments}
        self._priced = {self._quote, *self._instruments, *bases}
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
        elif entry.kind not in {"fill", "deposit"}:
            self._transferred(entry)

    def _transferred(self, entry: LedgerRecord) -> None:
        """Take note of what no order explains."""
        self._moved = True
        for leg in entry.postings:
            # Contracts that strangers traded have a cost that only the venue knows.
            self._unknown_cost = self._unknown_cost or leg.account == "contracts"

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
            self._priced.add(fill.fee_asset)

    def positions(self) -> None:
        """I2: what the ledger holds of each symbol is what its fills made of it."""
        view = self._view
        for symbol, instrument in self._instruments.items():
            expected = self._quantity(symbol, instrument)
            one = instrument.symbol
            key = ("contracts", symbol) if one.is_perpetual else ("wallet", one.base)
            held = view.balances.get(key, Decimal(0))
            self._found.need(
                held == expected, "I2", f"{symbol}: the ledger has {held}, fills make {expected}"
            )

    def _quantity(self, symbol: str, instrument: Instrument) -> Decimal:
        """Return Σ signed fills − base fees + transfers."""
        traded = self._view.lots[symbol] * instrument.lot_size
        asset = symbol if instrument.symbol.is_perpetual else instrument.symbol.base
        return traded - self._base_fees[symbol] + self._view.flows.get(asset, Decimal(0))

    def reconciled(self, entries: Sequence[LedgerRecord]) -> None:
        """Judge what reconciliation booked without a trade: it brings books and venue together."""
        moved: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for entry in entries:
            if entry.reference.startswith("reconcile:"):
                for leg in entry.postings:
                    moved[leg.account, leg.asset] += leg.amount
        for (account, asset), change in moved.items():
            if account not in {"wallet", "contracts"}:
                continue
            after = self._view.balances.get((account, asset), Decimal(0))
            true = self._true(account, asset)
            self._found.need(
                abs(true - after) < abs(true - after + change),
                "invention",
                f"{change} {asset} was booked; now {after}, the venue has {true}",
            )

    def _true(self, account: str, asset: str) -> Decimal:
        if account == "wallet":
            return self._truth.balances().get(asset, Decimal(0))
        instrument = self._instruments[asset]
        return self._truth.positions().get(instrument.symbol, 0) * instrument.lot_size

    def marked(self, mark: EquityMark) -> None:
        """I12: equity three ways."""
        need = self._found.need
        told = self._initial + mark.realised + mark.unrealised - mark.fees + mark.funding
        slack = 4 * bool(self._foreign_fees or self._moved)
        need(
            self._moved or abs(mark.equity - told) <= slack,
            "I12",
            f"equity {mark.equity} is not opening + realised + unrealised − fees + funding {told}",
        )
        need(
            mark.funding == self._view.funding,
            "I12",
            f"funding {mark.funding} in the mark, {self._view.funding} in the ledger",
        )
        cash, value = self._own(mark)
        if not self._foreign_fees and not self._moved:
            need(mark.cash == cash, "I12", f"cash {mark.cash}, by fills and funding {cash}")
        if value is not None and not self._unknown_cost:
            own = cash + value
            need(
                abs(mark.equity - own) <= slack,
                "I12",
                f"equity {mark.equity}, by fills and funding {own}",
            )

    def _own(self, mark: EquityMark) -> tuple[int, int | None]:
        """Return cash by the market step's reckoning, and what is held at this mark's closes.

        What strangers brought is not ours and takes no part.
        """
        view = self._view
        cash = int((view.flows.get(self._quote, Decimal(0)) - self._brought(self._quote)) * _UNIT)
        cash += view.funding - sum(self._spent.values()) - self._quote_fees
        value = Decimal(0)
        if any(flow and asset not in self._priced for asset, flow in view.flows.items()):
            return cash, None
        for asset, price in self._prices.items():
            # A third asset is ours as far as nobody brought it: fees took it, strangers' too.
            held = view.flows.get(asset, Decimal(0)) - self._brought(asset) - self._others[asset]
            value += held * price * _UNIT
        for symbol, instrument in self._instruments.items():
            held = self._quantity(symbol, instrument)
            if not instrument.symbol.is_perpetual:
                held -= self._brought(instrument.symbol.base)
            close = view.closes.get((symbol, mark.bar_time), view.last_close.get(symbol))
            if held and close is None:
                return cash, None
            value += held * (close or 0) * instrument.tick_size * _UNIT
        return cash, math.floor(value)

    def _brought(self, asset: str) -> Decimal:
        """Return what came from outside, less what went there, if that is more."""
        return max(Decimal(0), -self._view.balances.get(("external", asset), Decimal(0)))
