"""The stream of pushes to one client: later than the truth, and not always faithful to it."""

from __future__ import annotations

import heapq

from ....application.ports.venue import VenueEvent
from .dice import Dice
from .floor import Floor


class Stream:
    """Holds pushes until they arrive.

    Args:
        delay: Least and most milliseconds that a push takes.
    """

    def __init__(self, floor: Floor, account: str, dice: Dice, delay: tuple[int, int]) -> None:
        self._floor = floor
        self._dice = dice
        self._delay = delay
        self._arriving: list[tuple[int, int, VenueEvent]] = []
        self._sent = 0
        self._last = 0
        floor.listen(account, self.send)

    def send(self, event: VenueEvent, at: int) -> None:
        """Put an event that the exchange sends at ``at`` on its way, behind the one before."""
        self._last = max(self._last, at + self._dice.between(*self._delay))
        self.deliver(event, self._last)

    def deliver(self, event: VenueEvent, at: int) -> None:
        """Let an event arrive at ``at``, true time."""
        self._sent += 1
        heapq.heappush(self._arriving, (at, self._sent, event))

    def drain(self) -> list[VenueEvent]:
        """Return what has arrived by now."""
        arrived = []
        while self._arriving and self._arriving[0][0] <= self._floor.now:
            arrived.append(heapq.heappop(self._arriving)[2])
        return arrived
