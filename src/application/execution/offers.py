"""What is put to the venue for a leg: price, size and flags, or why there is nothing to put."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...domain.errors import VenueError
from ...domain.market import Symbol
from ...domain.orders import Leg, Opening, OrderIntent, OrderTerms, Reduction
from ..ports.venue import Quote
from .bench import RETRY, SECOND, Bench
from .board import Working
from .pricing import (
    FRESH,
    affordable,
    bar_terms,
    drifted,
    limit_terms,
    stop_terms,
    too_small,
    unusable,
)


@dataclass(frozen=True, slots=True)
class Later:
    """There is no price to trade on now.

    Attributes:
        at: When to ask again, Unix milliseconds.
    """

    at: int


@dataclass(frozen=True, slots=True)
class Never:
    """The intent ends with this leg."""

    why: str


class Offers:
    """Prices the legs of intents."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def make(self, working: Working, intent: OrderIntent, leg: Leg) -> OrderTerms | Later | Never:
        """Return price, lots and flags, or why there are none."""
        bench, plan = self._bench, self._bench.plan
        if leg in {Leg.BAR, Leg.STOP}:
            bar = leg is Leg.BAR
            return bar_terms(intent, intent.lots) if bar else self._stop(working, intent)
        quote = self._quote(intent.symbol)
        if quote is None:
            if bench.venue_time > working.record.deadline:
                return Never("there was no price to trade on")
            return Later(bench.now + RETRY)
        arrival = working.record.arrival
        if isinstance(intent, Opening) and drifted(intent, arrival, quote, plan.policy.drift):
            return Never("the price has run away from the signal")
        if too_small(intent.lots, quote.bid, plan.instruments[intent.symbol]):
            return Never(f"{intent.lots} lots are under the venue's minimum: dust")
        capabilities = bench.gear.venue.capabilities
        terms = limit_terms(intent, leg, quote, capabilities, plan.policy, bench.venue_time)
        return terms if isinstance(intent, Reduction) else self._paid_for(terms)

    def _stop(self, working: Working, intent: OrderIntent) -> OrderTerms | Never:
        bench, trigger = self._bench, working.trigger
        if trigger is None or not isinstance(intent, Reduction):
            return Never("a stop rests behind a trigger, and only reduces")
        if not bench.knows_time:
            bench.ask_time()
        terms = stop_terms(intent, trigger, bench.gear.venue.capabilities, bench.plan.policy)
        instrument = bench.plan.instruments[intent.symbol]
        if too_small(terms.lots, terms.limit or 0, instrument):
            return Never(f"{terms.lots} lots are under the venue's minimum: dust")
        return terms

    def _paid_for(self, terms: OrderTerms) -> OrderTerms | Never:
        """Cut a purchase down to what the cash pays for, fees included."""
        instrument = self._bench.plan.instruments[terms.symbol]
        if terms.symbol.is_perpetual or terms.side.sign < 0 or terms.limit is None:
            return terms
        locked = self._bench.board.locked(self._bench.plan.instruments)
        lots = min(
            terms.lots, affordable(self._bench.gear.books.cash() - locked, terms.limit, instrument)
        )
        if lots < 1 or too_small(lots, terms.limit, instrument):
            return Never("there is not enough cash for the venue's least order")
        return replace(terms, lots=lots)

    def _quote(self, symbol: Symbol) -> Quote | None:
        bench = self._bench
        try:
            if not bench.knows_time:
                bench.gear.venue.server_time()
            quote = bench.gear.venue.quote(symbol)
        except VenueError:
            return None
        if not -SECOND <= bench.venue_time - quote.at <= FRESH:
            # Either the touch is off, or our idea of the venue's clock is.
            bench.ask_time()
        return None if unusable(quote, bench.venue_time) else quote
