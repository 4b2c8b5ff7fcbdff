"""Listening to how a venue's calls go: failures, slowness, and requests for silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from ...domain.errors import VenueError
from ...domain.market import Symbol
from ..ports.clock import Clock
from ..ports.venue import (
    Acknowledgement,
    CancelAnswer,
    OrderRequest,
    Quote,
    RateLimited,
    Refused,
    Venue,
    VenueAccount,
    VenueCapabilities,
    VenueEvent,
    VenueFill,
    VenueFunding,
    VenueOrder,
)
from ..ports.venue_terms import AccountTerms, TellsTerms
from .gear import Ruling

T = TypeVar("T")


class Listener:
    """The venue, overheard; implements ``Venue``.

    While the venue wants silence, questions fail here without being asked; cancellations are always
    sent.

    Args:
        met: Told the venue's time whenever it was asked for.

    Attributes:
        quiet_until: When the venue may be asked again, Unix milliseconds UTC.
    """

    def __init__(
        self,
        venue: Venue,
        ruling: Ruling,
        clock: Clock,
        met: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._venue = venue
        self._met = met
        self._ruling = ruling
        self._clock = clock
        self.quiet_until = 0

    @property
    def name(self) -> str:
        """The venue's name."""
        return self._venue.name

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the venue can do."""
        return self._venue.capabilities

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Send an order once."""
        answer = self._heard(lambda: self._venue.create(request))
        if isinstance(answer, Refused) and answer.retry_after_ms:
            self._hush(answer.retry_after_ms)
        return answer

    def cancel(self, symbol: Symbol, client_order_id: str, /) -> CancelAnswer:
        """Ask to end an order."""
        return self._heard(lambda: self._venue.cancel(symbol, client_order_id))

    def order(self, symbol: Symbol, client_order_id: str, /) -> VenueOrder | None:
        """Return one order as it stands."""
        return self._asked(lambda: self._venue.order(symbol, client_order_id))

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order of the account that may still fill."""
        return self._asked(self._venue.open_orders)

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return every order created since."""
        return self._asked(lambda: self._venue.orders_since(since_ms))

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return every execution since."""
        return self._asked(lambda: self._venue.fills_since(since_ms))

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return every funding settlement since."""
        return self._asked(lambda: self._venue.funding_since(since_ms))

    def account(self) -> VenueAccount:
        """Return balances and positions."""
        return self._asked(self._venue.account)

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch."""
        return self._asked(lambda: self._venue.quote(symbol))

    def terms(self) -> AccountTerms:
        """Return the account's terms, where the venue tells them."""
        return self._asked(cast("TellsTerms", self._venue).terms)

    def server_time(self) -> int:
        """Return the venue's clock."""
        found = self._asked(self._venue.server_time)
        self._met(found)
        return found

    def drain(self) -> Sequence[VenueEvent]:
        """Return what the venue pushed."""
        return self._venue.drain()

    def _asked(self, call: Callable[[], T]) -> T:
        now = self._clock.now_ms()
        if now < self.quiet_until:
            left = self.quiet_until - now
            raise RateLimited(f"{self.name} wants silence for {left / 1000:g} s more", left)
        return self._heard(call)

    def _heard(self, call: Callable[[], T]) -> T:
        begun = self._clock.monotonic()
        try:
            found = call()
        except RateLimited as error:
            self._hush(error.retry_after_ms)
            self._tell(begun, failed=True)
            raise
        except VenueError:
            self._tell(begun, failed=True)
            raise
        self._tell(begun, failed=False)
        return found

    def _tell(self, begun: float, *, failed: bool) -> None:
        latency = int((self._clock.monotonic() - begun) * 1000)
        self._ruling.heard(failed=failed, latency_ms=latency, now=self._clock.now_ms())

    def set_back(self, by: int) -> None:
        """Follow a clock that was set back: the venue wants no longer a silence for it."""
        self.quiet_until = max(0, self.quiet_until - by)

    def _hush(self, milliseconds: int) -> None:
        self.quiet_until = max(self.quiet_until, self._clock.now_ms() + milliseconds)
