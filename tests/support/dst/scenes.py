"""The scenes at whose places a process dies; together they go every way of the order path."""

from __future__ import annotations

from decimal import Decimal

from mettle.adapters.venues.exchange import Fault, FeeMode, Strike
from mettle.application.journal import ControlVerb
from mettle.application.ports.venue import VenueOrderStatus
from mettle.application.reconcile import ReconcilePlan
from mettle.domain.risk import RiskProfile

from .stage import SECOND, Act, Scene, Stage
from .world import ACCOUNT

OFTEN = ReconcilePlan(interval=60 * SECOND)
"""Reconciles each minute, so that what people move is found within the play."""


def _fill(share: float) -> Act:
    """Return an act in which the market takes a share of whatever of ours rests."""

    def act(stage: Stage) -> None:
        for order in list(stage.exchange.floor.account(ACCOUNT).working.values()):
            stage.exchange.force_fill(order, max(1, int(order.remaining * share)))

    return act


def _end_unasked(stage: Stage) -> None:
    for order in list(stage.exchange.floor.account(ACCOUNT).working.values()):
        stage.exchange.floor.end(order, VenueOrderStatus.CANCELED, "maintenance")


def _move(asset: str, amount: str) -> Act:
    """Return an act in which somebody pays in, or out."""
    return lambda stage: stage.exchange.transfer(ACCOUNT, asset, Decimal(amount))


def _give(verb: ControlVerb) -> Act:
    return lambda stage: stage.people.command(verb, "", 3)


def _kill(*, flatten: bool) -> Act:
    return lambda stage: stage.people.kill(flatten=flatten)


def _rearm(stage: Stage) -> None:
    stage.people.rearm()


def _start(stage: Stage) -> None:
    stage.start()


def _strike(fault: Fault, second: int, times: int = 1) -> Strike:
    return Strike(fault, second * SECOND, times)


MAKER = Scene(
    "maker and taker",
    {0: (0.4, 0.0), 1: (-0.3, -0.3)},
    ((65 * SECOND, _fill(0.5)), (124 * SECOND, _fill(0.3))),
    length=140 * SECOND,
)
"""Post-only orders with partial fills, a taker leg for the rest, a turn from long to short."""

UNKNOWN = Scene(
    "unknown",
    {0: (0.3, 0.2), 1: (-0.1, -0.4)},
    ((64 * SECOND, _fill(0.4)),),
    (
        _strike(Fault.RESPONSE_LOST, 60),
        _strike(Fault.REQUEST_LOST, 61),
        _strike(Fault.CANCEL_RESPONSE_LOST, 66),
        _strike(Fault.GATEWAY_TIMEOUT, 120),
        _strike(Fault.CANCEL_UNKNOWN, 121),
    ),
    length=130 * SECOND,
)
"""Answers and requests that are lost, and what is asked about them."""

RULED = Scene(
    "ruled",
    {0: (0.3, -0.2), 1: (-0.2, 0.3)},
    (
        (58 * SECOND, _move("USDT", "1000")),
        (66 * SECOND, _give(ControlVerb.PAUSE)),
        (75 * SECOND, _give(ControlVerb.RESUME)),
        (80 * SECOND, _give(ControlVerb.REDUCE)),
        (90 * SECOND, _give(ControlVerb.RESUME)),
        (123 * SECOND, _give(ControlVerb.STOP)),
        (150 * SECOND, _start),
    ),
    length=155 * SECOND,
    reconcile=OFTEN,
    commands=True,
)
"""A deposit; pause, resume, reduce; a stop with orders under way, the shutdown, the next start."""

KILLED = Scene(
    "killed",
    {0: (0.3, -0.2), 1: (-0.2, 0.3)},
    (
        (64 * SECOND, _fill(0.5)),
        (65 * SECOND, _kill(flatten=False)),
        (80 * SECOND, _rearm),
        (122 * SECOND, _fill(0.6)),
        (124 * SECOND, _kill(flatten=True)),
    ),
    length=130 * SECOND,
    ends_flat=True,
    commands=True,
)
"""A kill with resting orders, its end, and a kill that flattens."""

MONEY = Scene(
    "money",
    {0: (0.5, 0.3), 1: (-0.4, -0.6)},
    (
        (65 * SECOND, _fill(1.0)),
        (122 * SECOND, _end_unasked),
        (126 * SECOND, _move("USDT", "-250")),
        (160 * SECOND, _give(ControlVerb.ACKNOWLEDGE)),
    ),
    (_strike(Fault.PARTIAL_THEN_CANCEL, 61), _strike(Fault.FILL_BEFORE_CANCEL, 121)),
    length=165 * SECOND,
    profile=RiskProfile("stops", leverage=None, stop_loss=1_500),
    swing=0.001,
    fee_mode=FeeMode.RECEIVED.value,
    funding_minutes=1,
    reconcile=OFTEN,
)
"""Fees in what a purchase brings, funding, a withdrawal, stops, cancellations that are late."""

SCENES = {one.name: one for one in (MAKER, UNKNOWN, RULED, KILLED, MONEY)}
"""By name."""
