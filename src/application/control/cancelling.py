"""Cancelling at the venue from the kill's own process: the trader may hang, or be gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from ...domain.errors import MettleError, VenueError
from ...domain.orders import is_ours
from ..ports.clock import Clock
from ..ports.kill_switch import EVERY_ACCOUNT
from ..ports.venue import Venue, VenueOrder
from .kill import KillOrder

_ROUND = 1_000
"""Pause between two rounds, milliseconds."""
_MARGIN = 5_000
"""For the difference of the clocks, as the order desk adds it to every fence."""
_PATIENCE = 60_000
"""How long after the last fence a venue that fails is still asked, milliseconds."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How to reach an account's venue.

    Attributes:
        environment: ``testnet`` or ``live``, as in the ids of its orders.
        connect: Opens a connection of its own.
    """

    environment: str
    connect: Callable[[], Venue]


class OrderCanceller:
    """Implements :data:`~.kill.CancelOrders`: ends our orders, whoever sent them.

    Every round asks for the open orders and cancels those of ours; what a cancellation answers is
    no end of an order. It goes on until none is left *and* everything that was on its way when the
    kill came can no longer be accepted. Foreign orders stay as they are.

    Args:
        reach: Account → how to reach its venue.
    """

    def __init__(self, reach: Mapping[str, Reach], clock: Clock) -> None:
        self._reach = reach
        self._clock = clock

    def __call__(self, order: KillOrder) -> int:
        """Cancel; return how many orders may still be live.

        Raises:
            VenueError: If a venue's open orders could not be read at the end.
        """
        accounts = [
            _Account(name, reach.environment, reach.connect(), self._passed())
            for name, reach in self._reach.items()
            if order.account in {EVERY_ACCOUNT, name}
        ]
        while any(not one.is_done(self._passed()) for one in accounts):
            for one in accounts:
                one.round()
            self._clock.sleep_until(self._clock.now_ms() + _ROUND)
        for one in accounts:
            if one.problem is not None:
                raise one.problem
        return sum(one.left for one in accounts)

    def _passed(self) -> int:
        """Return the time that passes whoever sets the clock, milliseconds."""
        return int(self._clock.monotonic() * 1_000)


@dataclass
class _Account:
    """One account's orders.

    Attributes:
        began: When the kill came, in milliseconds of the monotonic clock.
        left: How many of ours the last list had.
        problem: Why the last list could not be read.
    """

    name: str
    environment: str
    venue: Venue
    began: int
    left: int = 0
    problem: VenueError | None = None

    def is_done(self, now: int) -> bool:
        """Return whether nothing is left and nothing can come, or patience is at an end."""
        passed = now - self.began - self.venue.capabilities.fence_ms - _MARGIN
        clean = self.problem is None and not self.left
        return passed > (0 if clean else _PATIENCE)

    def round(self) -> None:
        """Ask for the open orders and cancel ours, the newest first.

        A trader that lives begins with the oldest: so they meet in the middle.
        """
        try:
            ours = [one for one in self.venue.open_orders() if self._is_ours(one)]
        except VenueError as error:
            # A list that cannot be read is no empty one.
            self.problem = error
            return
        self.problem, self.left = None, len(ours)
        for one in reversed(ours):
            with suppress(MettleError):
                self.venue.cancel(one.symbol, one.client_order_id)

    def _is_ours(self, order: VenueOrder) -> bool:
        # A stop protects what is held, and stays until whoever closes the position takes it away.
        return order.trigger is None and is_ours(
            order.client_order_id,
            self.name,
            venue=self.venue.name,
            environment=self.environment,
        )
