"""The oracle's window into the simulated exchange: behind its faults, and free of charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from mettle.adapters.venues.exchange.exchange import SimulatedExchange
from mettle.adapters.venues.exchange.records import NewOrder, Order, Trade
from mettle.application.ports.venue import VenueFill, VenueFunding, VenueOrder
from mettle.domain.market import Instrument, Symbol

FOREIGN = "manual-"
"""How the ids of other people's orders begin."""


class ExchangeTruth:
    """Implements ``Truth`` for one account of a simulated exchange."""

    def __init__(
        self, exchange: SimulatedExchange, account: str, instruments: Sequence[Instrument]
    ) -> None:
        self._exchange = exchange
        self._account = exchange.floor.account(account)
        self._instruments = tuple(instruments)
        self._placed: list[VenueOrder] = []
        self._fills: list[VenueFill] = []
        self._funding: list[VenueFunding] = []
        self.received: list[NewOrder] = []
        exchange.watch(self._watch)

    def _watch(self, kind: str, account: str, record: object) -> None:
        if account != self._account.name:
            return
        if isinstance(record, Order) and kind == "order":
            if record.new.client_id and not record.new.client_id.startswith(FOREIGN):
                self._placed.append(record.shown())
        elif isinstance(record, Trade):
            self._fills.append(record.shown)
        elif isinstance(record, VenueFunding):
            self._funding.append(record)
        elif isinstance(record, NewOrder):
            self.received.append(record)

    @property
    def instruments(self) -> Sequence[Instrument]:
        """What trades."""
        return self._instruments

    def orders(self, client_order_id: str) -> Sequence[VenueOrder]:
        """Return every order under one of our ids."""
        return [one.shown() for one in self._account.by_client.get(client_order_id, ())]

    def placed(self) -> Sequence[VenueOrder]:
        """Return every order of ours as it was taken."""
        return self._placed

    def fills(self) -> Sequence[VenueFill]:
        """Return every execution of the account."""
        return self._fills

    def funding(self) -> Sequence[VenueFunding]:
        """Return every settlement."""
        return self._funding

    def balances(self) -> Mapping[str, Decimal]:
        """Return what the account holds."""
        return self._exchange.account(self._account.name).balances

    def positions(self) -> Mapping[Symbol, int]:
        """Return signed lots of each perpetual."""
        return self._exchange.account(self._account.name).positions

    def now(self) -> int:
        """Return the venue's clock."""
        return self._exchange.floor.server_time
