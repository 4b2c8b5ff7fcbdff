"""The session's books: the integer account of the step and the Decimal ledger, held equal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from ...domain.errors import MettleError
from ...domain.ledger import WALLET, Portfolio, fill_id
from ...domain.market import CASH_SCALE, Instrument, Liquidity, Symbol
from ...domain.money import Money, Price
from ...domain.orders import Fill, Side
from ...domain.simulation import Account, AssetTerms
from ...domain.simulation.step import update_marks
from ..journal import EquityMark, FillRecord, LedgerRecord, PostingRecord
from ..market.row import BarRow


class Books:
    """What the session owns, twice: integers, which decide, and Decimal postings, which prove.

    Every event is booked in both; after each bar their equities must be the same number.
    """

    def __init__(self, run_id: str, instruments: Sequence[Instrument], capital: int) -> None:
        self._run_id = run_id
        self._instruments = {one.symbol: one for one in instruments}
        self._columns = {one.symbol: index for index, one in enumerate(instruments)}
        self._order = tuple(one.symbol for one in instruments)
        self._quote = instruments[0].symbol.quote
        self._capital = capital
        self._entries = 0
        self._portfolio: Portfolio | None = None
        self.account = Account.opened([AssetTerms.of(one) for one in instruments], capital)

    @property
    def portfolio(self) -> Portfolio:
        """The Decimal side."""
        if self._portfolio is None:
            raise MettleError("the books were not opened")
        return self._portfolio

    def column(self, symbol: Symbol) -> int:
        """Return the place of ``symbol`` among the assets."""
        return self._columns[symbol]

    def open(self, occurred_at: int, recorded_at: int) -> LedgerRecord:
        """Pay in the capital."""
        self._portfolio = Portfolio(self._money(self._capital), occurred_at, recorded_at)
        return self._record(self._portfolio.ledger.entries[0].entry_id)

    def fill(self, fill: FillRecord) -> tuple[int, LedgerRecord]:
        """Book a fill; return its realised P&L (1e-8 quote) and its ledger entry."""
        symbol = Symbol.parse(fill.symbol)
        instrument = self._instruments[symbol]
        column = self._columns[symbol]
        realised = self.account.trade(column, fill.side, fill.lots, fill.ticks, fill.fee)
        booked = Fill(
            fill.trade_id,
            fill.client_order_id,
            symbol,
            Side.BUY if fill.side > 0 else Side.SELL,
            instrument.quantity(fill.lots),
            instrument.price(fill.ticks),
            self._money(fill.fee),
            Liquidity.MAKER if fill.maker else Liquidity.TAKER,
            fill.occurred_at,
        )
        if not self.portfolio.apply(booked, fill.recorded_at):
            raise MettleError(f"trade {fill.trade_id} of {symbol} came twice")
        return realised, self._record(fill_id(booked))

    def funding(
        self, settlement_id: str, received: int, occurred_at: int, recorded_at: int
    ) -> LedgerRecord:
        """Book a funding settlement (1e-8 quote, negative if paid)."""
        self.account.cash += received
        self.account.funding += received
        self.portfolio.settle_funding(
            settlement_id, self._money(received), occurred_at, recorded_at
        )
        return self._record(settlement_id)

    def refund(self, entry: LedgerRecord) -> LedgerRecord:
        """Book a funding settlement again from its ledger entry."""
        received = sum((leg.amount for leg in entry.postings if leg.account == WALLET), Decimal(0))
        return self.funding(
            entry.reference, int(received * CASH_SCALE), entry.occurred_at, entry.recorded_at
        )

    def live_through(self, row: BarRow) -> None:
        """Age the open positions by one bar and move their high-water marks."""
        for state, bar in zip(self.account.assets, row.bars, strict=True):
            if state.lots == 0:
                continue
            if bar.missing:
                state.bars_held += 1
            else:
                update_marks(state, bar)

    def mark(self, row: BarRow, recorded_at: int) -> EquityMark:
        """Return the account at a close, once both sides agree on it.

        Raises:
            MettleError: If they do not, by however little: a defect of ours.
        """
        account, closes = self.account, row.closes
        equity, unrealised = account.equity(closes), account.unrealised(closes)
        self._prove(equity, unrealised, closes)
        gross = sum(abs(account.value(index, close)) for index, close in enumerate(closes))
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
        self.account.check_identity(row.closes)
        self.portfolio.check_identity(self._marks(row.closes))
        self.portfolio.ledger.verify()

    def _prove(self, equity: int, unrealised: int, closes: Sequence[int]) -> None:
        account, portfolio = self.account, self.portfolio
        earned = account.initial + account.realised + unrealised - account.fees + account.funding
        if equity != earned:
            raise MettleError(
                f"equity {equity} differs from opening + realised + unrealised − fees + funding "
                f"{earned} (1e-8 quote)"
            )
        marks = self._marks(closes)
        pairs: Iterable[tuple[str, int, Decimal]] = (
            ("equity", equity, portfolio.equity(marks).amount),
            ("realised", account.realised, portfolio.realised),
            ("fees", account.fees, portfolio.fees),
            ("funding", account.funding, portfolio.funding),
        )
        for name, units, exact in pairs:
            if exact * CASH_SCALE != units:
                raise MettleError(
                    f"{name}: the account says {units} (1e-8 quote), the ledger {exact}",
                    mend="stop the run and report this with its database",
                )

    def _marks(self, closes: Sequence[int]) -> dict[Symbol, Price]:
        return {
            symbol: self._instruments[symbol].price(close)
            for symbol, close, state in zip(self._order, closes, self.account.assets, strict=True)
            if state.lots
        }

    def _money(self, units: int) -> Money:
        return Money(Decimal(units) / CASH_SCALE, self._quote)

    def _record(self, entry_id: str) -> LedgerRecord:
        entry = self.portfolio.ledger.find(entry_id)
        if entry is None:
            raise MettleError(f"the ledger lost entry {entry_id}")
        sequence, self._entries = self._entries, self._entries + 1
        return LedgerRecord(
            self._run_id,
            sequence,
            entry.kind.value,
            entry.entry_id,
            entry.occurred_at,
            entry.recorded_at,
            tuple(PostingRecord(leg.account, leg.asset, leg.amount) for leg in entry.postings),
        )
