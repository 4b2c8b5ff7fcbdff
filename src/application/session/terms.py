"""Holding the venue's terms of the account against what the run was begun with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from ...domain.errors import VenueError
from ...domain.market import FeeSchedule, FeeTier, Instrument, Symbol
from ...domain.risk import Mode
from ..execution.bench import Bench
from ..ports.notifier import Notice, Notifier, Severity
from ..ports.venue_terms import AccountTerms, ContractTerms, MarginMode, TellsTerms
from .guard import Guard
from .plan import SessionPlan

TERMS = "terms"
"""The cause that lets nothing open while the account is not what it should be."""


class TermsKeeper:
    """Reads fee tier, margin mode, position mode, leverage and maintenance margin.

    Fees are taken over: what a purchase may cost is reckoned with them from then on; what it did
    cost is booked from its fills. Everything else must be what the run was sized for: while it is
    not, positions can be reduced and not opened. Does nothing where the venue tells no terms.
    """

    def __init__(self, plan: SessionPlan, bench: Bench, guard: Guard, notifier: Notifier) -> None:
        self._plan = plan
        self._bench = bench
        self._guard = guard
        self._notifier = notifier

    def read(self, now: int) -> bool:
        """Read and judge the terms; return whether they are known."""
        venue = self._bench.gear.venue
        if not venue.capabilities.tells_terms or venue.capabilities.bar_orders:
            # An earlier connection may have told what nobody can tell any more.
            self._guard.lift(TERMS, now)
            return True
        try:
            found = cast("TellsTerms", venue).terms()
        except VenueError:
            return False
        self._take_fees(found, now)
        wrong = "; ".join(self._wrong(found))
        if wrong:
            self._guard.impose(TERMS, Mode.REDUCING, wrong, now)
        else:
            self._guard.lift(TERMS, now)
        return True

    def _wrong(self, found: AccountTerms) -> Iterator[str]:
        settings = self._plan.settings
        for one in self._plan.instruments:
            if not one.symbol.is_perpetual:
                continue
            terms = found.contracts.get(one.symbol)
            if terms is None:
                yield f"{one.symbol}: the venue says nothing of its margin"
                continue
            yield from _differences(
                one.symbol, terms, settings.leverage, settings.maintenance_margin
            )

    def _take_fees(self, found: AccountTerms, now: int) -> None:
        known = self._bench.plan.instruments
        changed = {
            symbol: (one.fees.tiers[0], found.fees[symbol])
            for symbol, one in known.items()
            if symbol in found.fees and _rates(one.fees.tiers[0]) != _rates(found.fees[symbol])
        }
        if not changed:
            return
        taken = {symbol: _with_fees(one, found.fees.get(symbol)) for symbol, one in known.items()}
        self._bench.use_instruments(taken)
        for symbol, (old, new) in changed.items():
            text = f"{symbol}: maker and taker fees are {_words(new)}, not {_words(old)}"
            notice = Notice(Severity.WARNING, "fees", text, now, self._plan.owner)
            self._notifier.send(notice)


def _differences(
    symbol: Symbol, terms: ContractTerms, leverage: int, maintenance: int
) -> Iterator[str]:
    """Yield what is not as it should be, with the mend."""
    if terms.mode is not MarginMode.CROSS:
        yield f"{symbol}: margin is {terms.mode.value}, set it to cross at the venue"
    if not terms.one_way:
        yield f"{symbol}: positions are hedged, set one-way mode at the venue"
    if terms.leverage != leverage:
        yield (
            f"{symbol}: leverage is {terms.leverage} and simulation.leverage {leverage}: "
            "set them equal"
        )
    if terms.maintenance_ppm > maintenance:
        yield (
            f"{symbol}: the maintenance margin is {terms.maintenance_ppm} millionths, more than "
            f"simulation.maintenance_margin {maintenance}: raise that"
        )


def _rates(tier: FeeTier) -> tuple[int, int]:
    return tier.maker_ppm, tier.taker_ppm


def _words(tier: FeeTier) -> str:
    return f"{tier.maker_ppm / 10_000:g} % and {tier.taker_ppm / 10_000:g} %"


def _with_fees(instrument: Instrument, tier: FeeTier | None) -> Instrument:
    if tier is None:
        return instrument
    return replace(instrument, fees=FeeSchedule.flat(tier.maker_ppm, tier.taker_ppm))
