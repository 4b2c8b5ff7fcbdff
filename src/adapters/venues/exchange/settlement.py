"""What a fill costs and moves: locks, cash, positions and fees, exact to the atom."""

from __future__ import annotations

from decimal import Decimal

from ....domain.market import Instrument, Symbol
from ....domain.market.fees import RATE_SCALE
from ....domain.money import Money, round_half_even
from .accounts import Account
from .ledger import ATOMS, FEES, MARKET, UNIT, Ledger, Position, in_units, lot_atoms, rounded
from .records import Order
from .rules import ExchangeRules, FeeMode


class Settlement:
    """Books fills into the ledger.

    Attributes:
        third_prices: 1e-8 quote for one unit of the exchange's own asset, by quote currency.
    """

    def __init__(
        self, ledger: Ledger, instruments: dict[Symbol, Instrument], rules: ExchangeRules
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._instruments = instruments
        self._lots = {symbol: lot_atoms(one) for symbol, one in instruments.items()}
        self._units = {symbol: one.unit_value * UNIT for symbol, one in instruments.items()}
        self.third_prices: dict[str, int] = {}

    def value(self, symbol: Symbol, lots: int, ticks: int) -> int:
        """Return the value of ``lots`` at a price, atoms of the quote currency."""
        return lots * ticks * self._units[symbol]

    def base(self, symbol: Symbol, lots: int) -> int:
        """Return ``lots`` in atoms of the base asset."""
        return lots * self._lots[symbol]

    def rate(self, account: Account, symbol: Symbol, *, maker: bool) -> int:
        """Return an account's fee rate, millionths."""
        own = account.maker_ppm if maker else account.taker_ppm
        if own is not None:
            return own
        tier = self._instruments[symbol].fees.tiers[0]
        return tier.maker_ppm if maker else tier.taker_ppm

    def lock_for(self, account: Account, order: Order, lots: int) -> tuple[str, int]:
        """Return what ``lots`` of a spot order lock: asset and atoms."""
        new = order.new
        if new.side < 0:
            return new.symbol.base, lots * self._lots[new.symbol]
        cost = self.value(new.symbol, lots, new.limit)
        if account.fee_mode is FeeMode.QUOTE and lots:
            taker = self.rate(account, new.symbol, maker=False)
            cost += -(-cost * taker // (RATE_SCALE * UNIT)) * UNIT
        return new.symbol.quote, cost

    def relock(self, account: Account, order: Order, lots: int) -> None:
        """Let a spot order lock what ``lots`` of it need, never more than their share of now."""
        _, needed = self.lock_for(account, order, lots)
        needed = min(needed, order.locked * lots // max(1, order.remaining))
        account.holdings.lock(order.lock_asset, needed - order.locked)
        order.locked = needed

    def spot(
        self, account: Account, order: Order, lots: int, ticks: int, *, maker: bool
    ) -> tuple[str, int]:
        """Settle a spot fill; return the fee's asset and atoms."""
        symbol, side = order.new.symbol, order.new.side
        value = self.value(symbol, lots, ticks)
        if order.lock_asset:
            self.relock(account, order, order.remaining - lots)
        self._ledger.move(symbol.quote, side * value, account.name, MARKET)
        self._ledger.move(symbol.base, side * lots * self._lots[symbol], MARKET, account.name)
        rate = self.rate(account, symbol, maker=maker)
        return self._charge(account, symbol, side, (value, lots * self._lots[symbol]), rate)

    def perpetual(
        self, account: Account, order: Order, lots: int, ticks: int, *, maker: bool
    ) -> tuple[str, int, int]:
        """Settle a perpetual's fill; return the fee's asset and atoms, and the realised profit."""
        symbol, side = order.new.symbol, order.new.side
        realised = account.position(symbol).trade(side * lots, ticks * self._units[symbol])
        market = self._ledger.accounts[MARKET].positions.setdefault(symbol, Position())
        market.lots -= side * lots
        self._ledger.move(symbol.settle, realised, MARKET, account.name)
        rate = self.rate(account, symbol, maker=maker)
        value = self.value(symbol, lots, ticks)
        asset, fee = self._third(account, symbol.settle, value, rate)
        if not asset:
            asset, fee = symbol.settle, rounded(value, rate, RATE_SCALE)
        self._ledger.move(asset, fee, account.name, FEES)
        return asset, fee, realised

    def fee_price(self, symbol: Symbol, asset: str) -> Money | None:
        """Return what a unit of a third asset costs in the quote currency."""
        if asset in (symbol.base, symbol.quote, symbol.settle):
            return None
        units = Decimal(self.third_prices[symbol.quote]).scaleb(-8)
        return Money(units, symbol.quote)

    def money(self, asset: str, count: int) -> Money:
        """Return atoms as money."""
        return Money(in_units(count).normalize() if count else Decimal(0), asset)

    def _charge(
        self, account: Account, symbol: Symbol, side: int, traded: tuple[int, int], rate: int
    ) -> tuple[str, int]:
        value, base = traded
        asset, fee = self._third(account, symbol.quote, value, rate)
        if not asset:
            asset, fee = symbol.quote, rounded(value, rate, RATE_SCALE)
            poor = account.holdings.free(symbol.quote) < fee
            if side > 0 and (account.fee_mode is not FeeMode.QUOTE or poor):
                asset, fee = symbol.base, rounded(base, rate, RATE_SCALE)
        self._ledger.move(asset, fee, account.name, FEES)
        return asset, fee

    def _third(self, account: Account, quote: str, value: int, rate: int) -> tuple[str, int]:
        """Return the fee in the exchange's own asset if the account pays so and can."""
        price = self.third_prices.get(quote, 0)
        asset = self._rules.third_asset
        if account.fee_mode is not FeeMode.THIRD or not asset or not price:
            return "", 0
        fee = round_half_even(value * rate * ATOMS, RATE_SCALE * price * UNIT * UNIT) * UNIT
        return (asset, fee) if account.holdings.free(asset) >= fee else ("", 0)
