"""Cash, positions and the identity that binds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from ..errors import MettleError
from ..money import round_half_even
from .numbers import fit, notional, sign
from .records import AssetTerms
from .settings import FUNDING_SCALE


@dataclass(slots=True)
class AssetState:
    """The position in one asset.

    Attributes:
        lots: Signed.
        basis: What the position cost, 1e-8 quote, ≥ 0, fees left out.
        high_water: Best price since entry in ticks (a short: the lowest); 0 when flat.
        bars_held: Closes seen since entry.
    """

    lots: int = 0
    basis: int = 0
    high_water: int = 0
    bars_held: int = 0


def released_basis(basis: int, reduced: int, held: int) -> int:
    """Return the cost that leaves with ``reduced`` of ``held`` lots: average cost, floored."""
    return basis if reduced == held else basis * reduced // held


def move_position(state: AssetState, side: int, lots: int, ticks: int, unit_value: int) -> int:
    """Apply a trade to a position and return the realised P&L, 1e-8 quote, before fees."""
    held = abs(state.lots)
    direction = sign(state.lots)
    reduced = min(lots, held) if direction == -side else 0
    realised = 0
    if reduced:
        released = released_basis(state.basis, reduced, held)
        realised = direction * (notional(reduced, ticks, unit_value) - released)
        state.basis -= released
    added = lots - reduced
    was_flat = held == reduced
    if added:
        state.basis = fit(state.basis + notional(added, ticks, unit_value), "basis")
    state.lots = fit(state.lots + side * lots, "lots")
    if was_flat:
        state.high_water = ticks if added else 0
        state.bars_held = 0
    return fit(realised, "realised")


class Worth(NamedTuple):
    """What an account is worth at one set of marks: worked out once, for all who ask.

    Attributes:
        values: Of each position, signed, 1e-8 quote.
        equity: Cash and positions, 1e-8 quote.
        unrealised: What closing at the marks would realise before costs, 1e-8 quote.
    """

    values: Sequence[int]
    equity: int
    unrealised: int


@dataclass(slots=True)
class Account:
    """One account over A assets; every engine's account goes through these methods.

    Attributes:
        cash: 1e-8 quote.
        initial: Starting cash, 1e-8 quote.
        realised, fees, funding: Totals since the start, 1e-8 quote; received funding is positive.
    """

    terms: tuple[AssetTerms, ...]
    cash: int
    assets: list[AssetState]
    initial: int
    realised: int = 0
    fees: int = 0
    funding: int = 0

    @classmethod
    def opened(cls, terms: Sequence[AssetTerms], cash: int) -> Self:
        """Return a flat account that holds ``cash``."""
        return cls(tuple(terms), cash, [AssetState() for _ in terms], cash)

    @property
    def lots(self) -> tuple[int, ...]:
        """The signed positions, in index order."""
        return tuple(state.lots for state in self.assets)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        # A loop: asked of every bar, and a generator would cost three times as much.
        for state in self.assets:  # noqa: SIM110
            if state.lots:
                return False
        return True

    def value(self, asset: int, ticks: int) -> int:
        """Return the signed value of one position at ``ticks``, 1e-8 quote."""
        return notional(self.assets[asset].lots, ticks, self.terms[asset].unit_value)

    def worth(self, marks: Sequence[int]) -> Worth:
        """Return what the account is worth at ``marks`` (ticks, one an asset)."""
        values, held, paid = [0] * len(marks), 0, 0
        for index, (state, mark) in enumerate(zip(self.assets, marks, strict=True)):
            if lots := state.lots:
                values[index] = value = notional(lots, mark, self.terms[index].unit_value)
                held += value
                paid += state.basis if lots > 0 else -state.basis
        return Worth(values, fit(self.cash + held, "equity"), held - paid)

    def equity(self, marks: Sequence[int]) -> int:
        """Return cash plus all positions at ``marks`` (ticks), 1e-8 quote."""
        return self.worth(marks).equity

    def unrealised(self, marks: Sequence[int]) -> int:
        """Return what closing at ``marks`` would realise before costs, 1e-8 quote."""
        return self.worth(marks).unrealised

    def trade(self, asset: int, side: int, lots: int, ticks: int, fee: int) -> int:
        """Book a trade of ``lots`` > 0 and return its realised P&L, 1e-8 quote."""
        unit_value = self.terms[asset].unit_value
        paid = side * notional(lots, ticks, unit_value)
        realised = move_position(self.assets[asset], side, lots, ticks, unit_value)
        self.cash = fit(self.cash - paid - fee, "cash")
        self.realised += realised
        self.fees += fee
        return realised

    def pay_funding(self, asset: int, ticks: int, rate: int) -> int:
        """Settle funding at ``rate`` (1e-8) and return what was received, 1e-8 quote.

        A long pays a positive rate, a short receives it.
        """
        if rate == 0 or self.assets[asset].lots == 0:
            return 0
        owed = round_half_even(self.value(asset, ticks) * rate, FUNDING_SCALE)
        self.cash = fit(self.cash - owed, "cash")
        self.funding -= owed
        return -owed

    def check_identity(self, marks: Sequence[int]) -> None:
        """Prove equity = initial + realised + unrealised − fees + funding, exactly.

        Raises:
            MettleError: If it does not hold; that is a defect of ours.
        """
        held = self.equity(marks)
        earned = self.initial + self.realised + self.unrealised(marks) - self.fees + self.funding
        if held != earned:
            raise MettleError(
                f"equity {held} differs from initial + realised + unrealised − fees + funding "
                f"{earned} by {held - earned} (1e-8 quote)",
                mend="please report this with the settings and the bars",
            )
