"""The stream of pushes to one client: later than the truth, and not always faithful to it."""

from __future__ import annotations

import heapq

from ....application.ports.venue import VenueEvent, VenueFill, VenueOrder
from .dice import Dice
from .exchange import SimulatedExchange
from .faults import Fault, Site

_LATE_MS = 40 * 60_000
_SILENT = (Fault.STREAM_FROZEN, Fault.LISTEN_KEY_EXPIRED)


class Stream:
    """Holds pushes until they arrive; what is sent while it is down is lost.

    Args:
        dice: Its own, so that a connection that was left open changes nothing for the others.
        delay: Least and most milliseconds that a push takes.
    """

    def __init__(
        self, exchange: SimulatedExchange, account: str, dice: Dice, delay: tuple[int, int]
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._dice = dice
        self._delay = delay
        self._arriving: list[tuple[int, int, VenueEvent]] = []
        self._sent = 0
        self._last = 0
        self._down_until = 0
        exchange.floor.listen(account, self.send)

    def send(self, event: VenueEvent, at: int) -> None:
        """Put an event that the exchange sends at ``at`` on its way, behind the one before."""
        faults, now = self._exchange.faults, self._exchange.floor.now
        for silent in _SILENT:
            if faults.is_on(silent, now):
                self._fire(silent, event)
                return
        if at < self._down_until:
            self._fire(Fault.STREAM_DROP, event)
            return
        fault = None
        if isinstance(event, VenueFill):
            fault = faults.pick(Site.PUSH, self._account, now, self._dice)
        if fault is None:
            self._deliver(event, self._behind(at) if at <= now else at + self._travel())
        else:
            self._fire(fault, event)
            self._spoil(fault, event, at)

    def close(self) -> None:
        """Hear nothing more."""
        self._exchange.floor.unlisten(self._account, self.send)
        self._arriving.clear()

    def drain(self) -> list[VenueEvent]:
        """Return what has arrived by now."""
        arrived = []
        now = self._exchange.floor.now
        while self._arriving and self._arriving[0][0] <= now:
            arrived.append(heapq.heappop(self._arriving)[2])
        return arrived

    def _spoil(self, fault: Fault, event: VenueEvent, at: int) -> None:
        if fault is Fault.STREAM_DROP:
            self._down_until = at + self._dice.between(1_000, 60_000)
        elif fault is Fault.FILL_LATE:
            self._deliver(event, at + _LATE_MS)
        elif fault is Fault.FILL_REORDERED:
            self._deliver(event, at + self._dice.between(300, 5_000))
        elif fault is Fault.FILL_TWICE:
            self._deliver(event, self._behind(at))
            self._deliver(event, at + self._dice.between(1, _LATE_MS))

    def _behind(self, at: int) -> int:
        self._last = max(self._last, at + self._travel())
        return self._last

    def _travel(self) -> int:
        return self._dice.between(*self._delay)

    def _deliver(self, event: VenueEvent, at: int) -> None:
        self._sent += 1
        heapq.heappush(self._arriving, (at, self._sent, event))

    def _fire(self, fault: Fault, event: VenueEvent) -> None:
        client_id = event.client_order_id if isinstance(event, (VenueFill, VenueOrder)) else ""
        self._exchange.faults.fire(fault, self._account, client_id)
