"""Who owns what at the exchange: double entry in whole atoms, nothing made or lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from ....domain.errors import ConfigError, MettleError
from ....domain.market import Instrument, Symbol
from ....domain.money import round_half_even

ATOMS = 10**12
"""Atoms in one unit of any asset: finer than every lot and every 1e-8."""
UNIT = 10**4
"""Atoms in 1e-8 of an asset, to which fees and funding are rounded."""

MARKET, FEES, OUTSIDE = "(market)", "(fees)", "(outside)"
"""The other side of every trade and funding payment; who earns the fees; the world beyond."""


def atoms(amount: Decimal, what: str) -> int:
    """Return ``amount`` in atoms.

    Raises:
        ConfigError: If it is finer than that.
    """
    scaled = amount * ATOMS
    if scaled != scaled.to_integral_value():
        raise ConfigError(f"{what} must be a multiple of 1e-12, was {amount}")
    return int(scaled)


def in_units(count: int) -> Decimal:
    """Return atoms as an amount of the asset."""
    return Decimal(count).scaleb(-12)


@dataclass(slots=True)
class Position:
    """A perpetual's position.

    Attributes:
        lots: Signed.
        cost: Signed entry value of the open lots, atoms of the settlement currency.
    """

    lots: int = 0
    cost: int = 0

    def trade(self, change: int, lot_value: int) -> int:
        """Trade ``change`` lots at ``lot_value`` atoms each; return the realised profit in atoms.

        A part of a position takes its share of the cost, rounded down to 1e-8; the rest keeps what
        is left, so that nothing is lost by rounding.
        """
        realised = 0
        if self.lots * change < 0:
            closing = min(abs(change), abs(self.lots))
            share = self.cost // UNIT * closing // abs(self.lots) * UNIT
            value = closing * lot_value if change > 0 else -closing * lot_value
            realised = -(value + share)
            self.cost -= share
            self.lots += closing if change > 0 else -closing
            change -= closing if change > 0 else -closing
        self.lots += change
        self.cost += change * lot_value
        return realised


@dataclass(slots=True)
class Holdings:
    """What one account holds.

    Attributes:
        balances: Atoms of each asset, what orders lock included.
        locked: The part of it that open spot orders lock.
        flows: Deposits less withdrawals, atoms.
    """

    balances: dict[str, int] = field(default_factory=dict)
    locked: dict[str, int] = field(default_factory=dict)
    positions: dict[Symbol, Position] = field(default_factory=dict)
    flows: dict[str, int] = field(default_factory=dict)

    def total(self, asset: str) -> int:
        """Return the balance of ``asset`` in atoms."""
        return self.balances.get(asset, 0)

    def free(self, asset: str) -> int:
        """Return what no order locks."""
        return self.balances.get(asset, 0) - self.locked.get(asset, 0)

    def lock(self, asset: str, change: int) -> None:
        """Lock ``change`` atoms more, or fewer if it is negative."""
        self.locked[asset] = self.locked.get(asset, 0) + change


class Ledger:
    """All accounts, the market's, the fees' and the outside's included."""

    def __init__(self) -> None:
        self.accounts: dict[str, Holdings] = {MARKET: Holdings(), FEES: Holdings()}
        self.accounts[OUTSIDE] = Holdings()

    def open(self, name: str) -> Holdings:
        """Return the account of ``name``, made if need be."""
        return self.accounts.setdefault(name, Holdings())

    def move(self, asset: str, count: int, source: str, target: str) -> None:
        """Move ``count`` atoms of an asset; a negative count goes the other way."""
        giver, taker = self.accounts[source].balances, self.accounts[target].balances
        giver[asset] = giver.get(asset, 0) - count
        taker[asset] = taker.get(asset, 0) + count

    def flow(self, name: str, asset: str, count: int) -> None:
        """Pay ``count`` atoms into an account from outside, or out of it if negative."""
        self.move(asset, count, OUTSIDE, name)
        flows = self.accounts[name].flows
        flows[asset] = flows.get(asset, 0) + count

    def verify(self) -> None:
        """Prove that assets, positions and costs add up to nothing over all accounts.

        Raises:
            MettleError: If they do not: a defect of ours.
        """
        sums: dict[str, int] = {}
        lots: dict[Symbol, int] = {}
        for holdings in self.accounts.values():
            for asset, count in holdings.balances.items():
                sums[asset] = sums.get(asset, 0) + count
            for symbol, position in holdings.positions.items():
                lots[symbol] = lots.get(symbol, 0) + position.lots
        for asset, count in sums.items():
            if count:
                raise MettleError(f"the exchange made or lost {count} atoms of {asset}")
        for symbol, count in lots.items():
            if count:
                raise MettleError(f"positions in {symbol} are out by {count} lots")
        for name, holdings in self.accounts.items():
            for asset, count in holdings.locked.items():
                if not 0 <= count <= max(0, holdings.total(asset)):
                    raise MettleError(
                        f"{name} locks {count} of {holdings.total(asset)} atoms of {asset}"
                    )


def rounded(count: int, rate: int, scale: int) -> int:
    """Return count × rate ÷ scale atoms, rounded half to even to 1e-8 of the asset."""
    return round_half_even(count * rate, scale * UNIT) * UNIT


def lot_atoms(instrument: Instrument) -> int:
    """Return one lot of the base asset in atoms."""
    return atoms(instrument.lot_size, f"{instrument.symbol} lot size")
