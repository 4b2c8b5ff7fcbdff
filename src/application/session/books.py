"""The session's books: the Decimal ledger, which is the truth, and the integers that decide.

One file of over 400 lines: each booking changes both sides, and what proves them equal reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from ...domain.errors import MettleError
from ...domain.ledger import CONTRACTS, WALLET, EntryKind, Portfolio, fill_id
from ...domain.market import CASH_SCALE, Instrument, Liquidity, Symbol
from ...domain.money import Money, Price
from ...domain.orders import Fill, Purpose, Side
from ...domain.simulation import Account, AssetTerms, Worth
from ...domain.simulation.step import update_marks
from ..journal import EquityMark, FillRecord, LedgerRecord, fee_value
from ..market.row import BarRow
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import VenueAccount, VenueFill, VenueFunding
from .bookings import REASONS, ledger_record
from .projection import asset_of, outside, project, strangers, units
from .ranges import Ranges


class Books:
    """What an account owns, twice: Decimal postings, and the integers of the market step.

    As long as every fee is paid in the quote currency both sides are exact, and after each bar
    their equities must be the same number. A fee in another asset, or a change that no order of
    ours explains, leaves amounts between the lots: from then on the integers are read off the
    ledger, rounded down.

    Attributes:
        account: The integer side.
        bar_time: Open of the bar that is booked now.
        ranges: Measured where stops are set by them.
    """

    def __init__(
        self, account_id: str, run_id: str, instruments: Sequence[Instrument], capital: int
    ) -> None:
        self._account_id = account_id
        self._run_id = run_id
        self._instruments = {one.symbol: one for one in instruments}
        self._columns = {one.symbol: index for index, one in enumerate(instruments)}
        self._order = tuple(one.symbol for one in instruments)
        self._quote = instruments[0].symbol.quote
        self._named = {str(symbol): symbol for symbol in self._order}
        self._names = {asset_of(symbol) for symbol in self._order}
        self._capital = capital
        self.ranges: Ranges | None = None
        self._rebuild: Callable[[UnitOfWork], None] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        terms = [AssetTerms.of(one) for one in self._instruments.values()]
        self.account = Account.opened(terms, self._capital)
        self.bar_time = 0
        if self.ranges is not None:
            self.ranges.reset()
        self._portfolio: Portfolio | None = None
        self._exact = True
        self._entries = 0
        self._read = -1
        self._proved = -1
        self._fills = 0
        self._fee_marks: dict[str, Price] = {}
        self._flow = 0
        self._trips: dict[Symbol, int] = dict.fromkeys(self._order, 0)

    def rebuilt_by(self, rebuild: Callable[[UnitOfWork], None]) -> None:
        """Say how the books are built again from the journal."""
        self._rebuild = rebuild

    def reload(self, unit: UnitOfWork) -> None:
        """Build the books again from the journal, unless they were just read and it has no more."""
        fresh = self._read == self._entries == unit.ledger.next_sequence(self._account_id)
        if self._rebuild is not None and not fresh:
            self.reset()
            self._rebuild(unit)

    def were_read(self) -> None:
        """Note that the books are what the journal makes of them, until anything happens."""
        self._read = self._entries

    @property
    def portfolio(self) -> Portfolio:
        """The Decimal side."""
        if self._portfolio is None:
            raise MettleError("the books were not opened")
        return self._portfolio

    @property
    def is_open(self) -> bool:
        """Whether the capital was paid in."""
        return self._portfolio is not None

    @property
    def opened_at(self) -> int:
        """When the capital was paid in, Unix milliseconds UTC."""
        return next(iter(self.portfolio.ledger)).occurred_at

    @property
    def fills(self) -> int:
        """How many trades are booked."""
        return self._fills

    def column(self, symbol: Symbol) -> int:
        """Return the place of ``symbol`` among the assets."""
        return self._columns[symbol]

    def open(self, occurred_at: int, recorded_at: int) -> LedgerRecord:
        """Pay in the capital."""
        self._portfolio = Portfolio(self._money(self._capital), occurred_at, recorded_at)
        return self._record(next(iter(self._portfolio.ledger)).entry_id)

    def knows(self, fill: VenueFill) -> bool:
        """Return whether the trade is booked."""
        return f"fill:{fill.symbol}:{fill.trade_id}" in self.portfolio.ledger

    def book(
        self, fill: VenueFill, client_order_id: str, purpose: Purpose, recorded_at: int
    ) -> tuple[FillRecord, LedgerRecord]:
        """Book a trade and return what is to be written down."""
        price = self._fee_price(fill)
        record = FillRecord(
            self._account_id,
            self._fills,
            fill.trade_id,
            client_order_id,
            str(fill.symbol),
            self.bar_time,
            fill.occurred_at,
            recorded_at,
            fill.side,
            fill.lots,
            fill.ticks,
            fill.ticks if fill.reference is None else fill.reference,
            fee_value(fill.fee.amount, price),
            0,
            fill.maker,
            int(REASONS[purpose]),
            fill.fee.currency,
            fill.fee.amount,
            None if fill.fee_price is None else fill.fee_price.amount,
        )
        realised, entry = self.fill(record)
        return replace(record, realised=realised) if realised else record, entry

    def fill(self, fill: FillRecord) -> tuple[int, LedgerRecord]:
        """Book a fill; return its realised P&L (1e-8 quote, rounded down) and its ledger entry."""
        symbol = self._named[fill.symbol]
        column, instrument = self._columns[symbol], self._instruments[symbol]
        booked = Fill(
            fill.trade_id,
            fill.client_order_id,
            symbol,
            Side.BUY if fill.side > 0 else Side.SELL,
            instrument.quantity(fill.lots),
            instrument.price(fill.ticks),
            Money(fill.fee_amount, fill.fee_asset),
            Liquidity.MAKER if fill.maker else Liquidity.TAKER,
            fill.occurred_at,
        )
        price = None if fill.fee_price is None else Money(fill.fee_price, self._quote)
        before = self.portfolio.realised
        if not self.portfolio.apply(booked, fill.recorded_at, price):
            raise MettleError(f"trade {fill.trade_id} of {symbol} came twice")
        if price is not None:
            self._fee_marks[fill.fee_asset] = Price(price.amount)
        self._fills += 1
        was_exact, self._exact = self._exact, self._exact and fill.fee_asset == self._quote
        realised = self.account.trade(column, fill.side, fill.lots, fill.ticks, fill.fee)
        if not self._exact:
            moved = None if was_exact else (asset_of(symbol), fill.fee_asset)
            project(self.account, self.portfolio, self._instruments, moved)
            realised = units(self.portfolio.realised - before)
        self._trips[symbol] += realised - fill.fee
        return realised, self._record(fill_id(booked))

    def cash(self) -> int:
        """Return the cash, 1e-8 of the quote currency, rounded down."""
        return units(self.portfolio.cash.amount - outside(self.portfolio, self._quote))

    def fee_of(self, fill: FillRecord) -> int:
        """Return what a fill's fee is worth, 1e-8 quote."""
        if fill.fee_asset == self._quote:
            return fee_value(fill.fee_amount)
        price = fill.fee_price
        if price is None:
            price = self._instruments[self._named[fill.symbol]].price(fill.ticks).amount
        return fee_value(fill.fee_amount, price)

    def ended_trip(self, symbol: Symbol) -> int | None:
        """Return what the round trip that has just ended earned after costs; None if it goes on."""
        if self.account.assets[self._columns[symbol]].lots:
            return None
        earned, self._trips[symbol] = self._trips[symbol], 0
        return earned

    def settled(self, funding: VenueFunding, recorded_at: int) -> LedgerRecord | None:
        """Book a funding settlement; None if it is booked already."""
        if self.has_settled(funding):
            return None
        return self.funding(
            funding.settlement_id, funding.received, funding.occurred_at, recorded_at
        )

    def funding(
        self, settlement_id: str, received: int, occurred_at: int, recorded_at: int
    ) -> LedgerRecord:
        """Book a funding settlement (1e-8 quote, negative if paid)."""
        self.account.cash += received
        self.account.funding += received
        money = self._money(received)
        self.portfolio.settle_funding(settlement_id, money, occurred_at, recorded_at)
        return self._record(settlement_id)

    def refund(self, entry: LedgerRecord) -> LedgerRecord:
        """Book a funding settlement again from its ledger entry."""
        received = sum((leg.amount for leg in entry.postings if leg.account == WALLET), Decimal(0))
        return self.funding(
            entry.reference, int(received * CASH_SCALE), entry.occurred_at, entry.recorded_at
        )

    def adjust(
        self,
        entry_id: str,
        change: Money,
        price: Price | None,
        occurred_at: int,
        recorded_at: int,
        *,
        unexplained: bool = False,
    ) -> LedgerRecord | None:
        """Book a change that no order of ours explains; None if it is booked already.

        What strangers bring is never ours: it takes no part in sizing, and is never sold.
        """
        if price is not None:
            # The books are built again from the entry alone, so its name carries the price.
            entry_id = f"{entry_id}@{price.amount:f}"
        times = occurred_at, recorded_at
        if not self.portfolio.adjust(entry_id, change, times, price, unexplained=unexplained):
            return None
        if price is not None and change.currency not in self._names:
            self._fee_marks[change.currency] = price
        if change.currency == self._quote and change.amount < 0 and not unexplained:
            self._flow += units(change.amount)
        self._exact = False
        project(self.account, self.portfolio, self._instruments)
        return self._record(entry_id)

    def readjust(self, entry: LedgerRecord) -> LedgerRecord:
        """Book such a change again from its ledger entry."""
        name, _, price = entry.reference.rpartition("@")
        leg = next(one for one in entry.postings if one.account in {WALLET, CONTRACTS})
        known = bool(name) and leg.asset != self._quote
        booked = self.adjust(
            name if known else entry.reference,
            Money(leg.amount, leg.asset),
            Price(Decimal(price)) if known else None,
            entry.occurred_at,
            entry.recorded_at,
            unexplained=entry.kind == EntryKind.SUSPENSE.value,
        )
        if booked is None:
            raise MettleError(f"ledger entry {entry.reference} is there twice")
        return booked

    def take_flow(self) -> int:
        """Return what the owner took out since the last call (negative), 1e-8 quote."""
        flow, self._flow = self._flow, 0
        return flow

    def balances(self) -> Mapping[tuple[str, str], Decimal]:
        """Return what each ledger account holds of each asset, exactly."""
        return self.portfolio.ledger.balances

    def has_settled(self, funding: VenueFunding) -> bool:
        """Return whether the settlement is booked."""
        return funding.settlement_id in self.portfolio.ledger

    def quantity(self, symbol: Symbol) -> Decimal:
        """Return the exact position, base units, what lies between the lots included."""
        return self.portfolio.position(symbol).quantity

    def excess(self, symbol: Symbol, account: VenueAccount) -> Decimal:
        """Return how much more of a symbol the venue has than our books, base units."""
        if symbol.is_perpetual:
            theirs = self._instruments[symbol].lot_size * account.positions.get(symbol, 0)
        else:
            theirs = account.balances.get(symbol.base, Decimal(0))
        return theirs - self.quantity(symbol)

    def differs(self, symbol: Symbol, account: VenueAccount) -> bool:
        """Return whether the venue's amount of a symbol is a lot or more away from our books."""
        return abs(self.excess(symbol, account)) >= self._instruments[symbol].lot_size

    def live_through(self, row: BarRow) -> None:
        """Age the open positions by one bar and move their high-water marks."""
        self._read = -1
        for state, bar in zip(self.account.assets, row.bars, strict=True):
            if state.lots == 0:
                continue
            if bar.missing:
                state.bars_held += 1
            else:
                update_marks(state, bar)
        if self.ranges is not None:
            self.ranges.take(row.bars, self.account.lots)

    def mark(self, row: BarRow, recorded_at: int, worth: Worth | None = None) -> EquityMark:
        """Return the account at a close, once both sides agree on it.

        Args:
            worth: Of the account at the closes, where it is known already.

        Raises:
            MettleError: If they do not, by however little: a defect of ours.
        """
        account = self.account
        worth = worth or account.worth(row.closes)
        if self._exact:
            equity, unrealised = worth.equity, worth.unrealised
            self._prove(worth, row)
        else:
            marks = self._marks(row.closes)
            self.portfolio.check_identity(marks)
            equity = units(self.portfolio.equity(marks).amount - strangers(self.portfolio, marks))
            unrealised = units(self.portfolio.unrealised(marks))
        gross = sum(map(abs, worth.values))
        return EquityMark(
            self._run_id,
            row.open_time,
            row.close_time,
            recorded_at,
            equity,
            account.cash,
            gross,
            account.realised,
            unrealised,
            account.fees,
            account.funding,
        )

    def prove_everything(self, row: BarRow) -> None:
        """Re-add the whole ledger and check the identity on both sides; slow, for the end.

        Raises:
            MettleError: If anything is off.
        """
        self.prove_identity(row)
        self.portfolio.ledger.verify()

    def prove_identity(self, row: BarRow) -> None:
        """Check the identity on both sides.

        Raises:
            MettleError: If it does not hold.
        """
        if self._exact:
            self.account.check_identity(row.closes)
        self.portfolio.check_identity(self._marks(row.closes))

    def _prove(self, worth: Worth, row: BarRow) -> None:
        account, portfolio, equity = self.account, self.portfolio, worth.equity
        earned = account.initial + account.realised + account.funding - account.fees
        earned += worth.unrealised
        if equity != earned:
            raise MettleError(
                f"equity {equity} differs from opening + realised + unrealised − fees + funding "
                f"{earned} (1e-8 quote)"
            )
        if self._entries == self._proved:
            # Nothing was booked since: equal holdings are worth the same at any marks.
            return
        marks = self._marks(row.closes)
        pairs: Iterable[tuple[str, int, Decimal]] = (
            ("equity", equity, portfolio.equity(marks).amount),
            ("realised", account.realised, portfolio.realised),
            ("fees", account.fees, portfolio.fees),
            ("funding", account.funding, portfolio.funding),
        )
        for name, whole, exact in pairs:
            if exact * CASH_SCALE != whole:
                raise MettleError(
                    f"{name}: the account says {whole} (1e-8 quote), the ledger {exact}",
                    mend="stop the run and report this with its database",
                )
        self._proved = self._entries

    def _marks(self, closes: Sequence[int]) -> dict[Symbol, Price]:
        marks = {Symbol(asset, self._quote): price for asset, price in self._fee_marks.items()}
        for symbol, close in zip(self._order, closes, strict=True):
            if self.portfolio.position(symbol).quantity:
                marks[symbol] = self._instruments[symbol].price(close)
        return marks

    def _fee_price(self, fill: VenueFill) -> Decimal:
        if fill.fee.currency == self._quote:
            return Decimal(1)
        if fill.fee_price is not None:
            return fill.fee_price.amount
        return self._instruments[fill.symbol].price(fill.ticks).amount

    def _money(self, units: int) -> Money:
        return Money(Decimal(units) / CASH_SCALE, self._quote)

    def _record(self, entry_id: str) -> LedgerRecord:
        entry = self.portfolio.ledger.find(entry_id)
        if entry is None:
            raise MettleError(f"the ledger lost entry {entry_id}")
        sequence, self._entries = self._entries, self._entries + 1
        return ledger_record(self._account_id, sequence, entry)
