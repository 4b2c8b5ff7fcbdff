"""What is really so at the venue, whatever it tells its clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from mettle.application.ports.venue import VenueFill, VenueFunding, VenueOrder
from mettle.domain.market import Instrument, Symbol


class Truth(Protocol):
    """The venue without its faults; reading it costs no time and fails never."""

    @property
    def instruments(self) -> Sequence[Instrument]:
        """What trades."""

    def orders(self, client_order_id: str) -> Sequence[VenueOrder]:
        """Return every order that exists under one of our ids, oldest first."""

    def placed(self) -> Sequence[VenueOrder]:
        """Return every order that was ever placed by us, oldest first, as it was then."""

    def fills(self) -> Sequence[VenueFill]:
        """Return every execution of the account, oldest first; the list only grows."""

    def funding(self) -> Sequence[VenueFunding]:
        """Return every settlement, oldest first; the list only grows."""

    def balances(self) -> Mapping[str, Decimal]:
        """Return what the account holds of each asset."""

    def positions(self) -> Mapping[Symbol, int]:
        """Return signed lots of each perpetual."""

    def now(self) -> int:
        """Return the venue's clock."""
