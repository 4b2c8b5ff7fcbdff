"""The kill's own cancellations: ours and nobody else's, again and again, until none can come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from mettle.adapters.system import SimulatedClock
from mettle.application.control.cancelling import OrderCanceller, Reach
from mettle.application.control.kill import KillOrder
from mettle.application.ports.kill_switch import EVERY_ACCOUNT
from mettle.application.ports.venue import (
    CancelAnswer,
    OutcomeUnknown,
    Venue,
    VenueCapabilities,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.domain.errors import VenueError
from mettle.domain.market import Symbol
from mettle.domain.orders import Leg, Purpose, Reduction, Side, client_order_id, intent_for

BTC = Symbol.parse("BTC/USDT")
ACCOUNT = "testnet:desk:main"


def own(number: int) -> str:
    """Return an id of ours."""
    intent = intent_for(ACCOUNT, BTC, 0, 5 + number, 1, Purpose.REBALANCE)
    return client_order_id(intent, venue="desk", environment="testnet", leg=Leg.MAKER, attempt=1)


def shown(order_id: str, trigger: int | None = None) -> VenueOrder:
    """Return an open order."""
    return VenueOrder(order_id, "v", BTC, 1, 5, 0, VenueOrderStatus.OPEN, 0, trigger=trigger)


@dataclass
class Desk:
    """A venue that fails where it is told to.

    Attributes:
        late: Time → an order that shows only then.
        deaf: Cancellations that fail before one is heard.
        blind: Lists that fail.
        stops: Those of the orders that rest as stops.
    """

    clock: SimulatedClock
    orders: list[str]
    late: dict[int, str] = field(default_factory=dict)
    deaf: int = 0
    blind: int = 0
    stops: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    name: str = "desk"
    capabilities: VenueCapabilities = field(default_factory=VenueCapabilities)

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return what is open."""
        self.blind -= 1
        if self.blind >= 0:
            raise VenueError("503")
        for due in [due for due in self.late if due <= self.clock.monotonic() * 1_000]:
            self.orders.append(self.late.pop(due))
        return [shown(one, trigger=90 if one in self.stops else None) for one in self.orders]

    def cancel(self, _: Symbol, order_id: str, /) -> CancelAnswer:
        """End an order, or fail."""
        self.asked.append(order_id)
        self.deaf -= 1
        if self.deaf >= 0:
            raise OutcomeUnknown("time-out")
        self.orders.remove(order_id)
        return CancelAnswer.TAKEN


def cancel(desk: Desk, account: str = EVERY_ACCOUNT) -> int:
    """Kill with a desk in reach."""
    # As much of a venue as is asked for.
    reach = {ACCOUNT: Reach("testnet", lambda: cast("Venue", desk))}
    return OrderCanceller(reach, desk.clock)(KillOrder(account, "ada"))


def test_only_ours_are_cancelled() -> None:
    """Orders of other people stay, whatever fails meanwhile."""
    desk = Desk(SimulatedClock(), [own(1), "manual-7", own(2)], deaf=3, blind=2)
    assert cancel(desk) == 0
    assert desk.orders == ["manual-7"]
    assert "manual-7" not in desk.asked


def test_a_stop_stays() -> None:
    """It protects what is held while nobody trades; it is no order that is left either."""
    intent = Reduction(ACCOUNT, BTC, Side.SELL, 5, 1, Purpose.STOP)
    stop = client_order_id(intent, venue="desk", environment="testnet", leg=Leg.STOP, attempt=1)
    desk = Desk(SimulatedClock(), [own(1), stop], stops={stop})
    assert cancel(desk) == 0
    assert desk.orders == [stop]
    assert stop not in desk.asked


def test_it_waits_for_what_is_on_its_way() -> None:
    """An order that shows within the fence is ended too; before that it does not stop asking."""
    desk = Desk(SimulatedClock(), [], late={58_000: own(3)})
    assert cancel(desk) == 0
    assert desk.orders == []
    assert desk.clock.now_ms() > desk.capabilities.fence_ms


class ShiftedClock(SimulatedClock):
    """A machine's clock that somebody sets while time passes as ever.

    Args:
        shift_ms: By how much, two seconds after the start.
    """

    def __init__(self, shift_ms: int) -> None:
        super().__init__()
        self._shift_ms = shift_ms

    def now_ms(self) -> int:
        """Return what the machine's clock shows."""
        now = super().now_ms()
        return now + self._shift_ms if now >= 2_000 else now

    def sleep_until(self, time_ms: int) -> None:
        """Sleep for as long as that is from now, by the machine's clock."""
        self.advance(max(0, time_ms - self.now_ms()))


@pytest.mark.parametrize("shift", [3_600_000, -3_600_000], ids=["forward", "back"])
def test_a_clock_that_is_set_changes_nothing(shift: int) -> None:
    """Set forward, the kill would be over before its time; set back, it would take an hour more."""
    clock = ShiftedClock(shift)
    desk = Desk(clock, [], late={58_000: own(3)})
    assert cancel(desk) == 0
    assert desk.orders == []
    assert 58 < clock.monotonic() < 80


def test_what_does_not_end_is_told() -> None:
    """A venue that takes no cancellation leaves a count, one that shows nothing an error."""
    assert cancel(Desk(SimulatedClock(), [own(1)], deaf=10**6)) == 1
    with pytest.raises(VenueError, match="503"):
        cancel(Desk(SimulatedClock(), [own(1)], blind=10**6))


def test_another_account_is_left_alone() -> None:
    """A kill by name reaches the venue of that account only."""
    desk = Desk(SimulatedClock(), [own(1)])
    assert cancel(desk, "testnet:desk:other") == 0
    assert desk.asked == []
