"""A venue that is asked everything and sent nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from ...application.ports.venue import (
    Acknowledgement,
    CancelAnswer,
    NotSent,
    OrderRequest,
    Quote,
    Venue,
    VenueAccount,
    VenueCapabilities,
    VenueEvent,
    VenueFill,
    VenueFunding,
    VenueOrder,
)
from ...application.ports.venue_terms import AccountTerms, TellsTerms
from ...domain.market import Symbol

REASON = "not sent (dry run)"


class DryRunVenue:
    """Passes every question on to another venue and no order; implements ``Venue``.

    Cancellations stay here as well: what rests on the account is none of a dry run's.
    """

    def __init__(self, inner: Venue) -> None:
        self._inner = inner
        self._capabilities = replace(inner.capabilities, dry=True, dead_man_ms=None)

    @property
    def name(self) -> str:
        """The other venue's name."""
        return self._inner.name

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the other venue can do, so that orders look as they would there."""
        return self._capabilities

    def create(self, _request: OrderRequest) -> Acknowledgement:
        """Keep the order here."""
        return NotSent(REASON)

    def cancel(self, _symbol: Symbol, _client_order_id: str, /) -> CancelAnswer:
        """Cancel nothing: no order of ours was sent."""
        return CancelAnswer.NOT_FOUND

    def order(self, symbol: Symbol, client_order_id: str, /) -> VenueOrder | None:
        """Return one order as it stands."""
        return self._inner.order(symbol, client_order_id)

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order of the account that may still fill."""
        return self._inner.open_orders()

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return every order created at ``since_ms`` or later."""
        return self._inner.orders_since(since_ms)

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return every execution of the account from ``since_ms`` on."""
        return self._inner.fills_since(since_ms)

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return every funding settlement from ``since_ms`` on."""
        return self._inner.funding_since(since_ms)

    def account(self) -> VenueAccount:
        """Return balances and positions."""
        return self._inner.account()

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch."""
        return self._inner.quote(symbol)

    def terms(self) -> AccountTerms:
        """Return the account's terms, where the other venue tells them."""
        return cast("TellsTerms", self._inner).terms()

    def server_time(self) -> int:
        """Return the venue's clock."""
        return self._inner.server_time()

    def drain(self) -> Sequence[VenueEvent]:
        """Return what the venue pushed."""
        return self._inner.drain()
