"""The way to the exchange and back, which takes time."""

from __future__ import annotations

from dataclasses import dataclass

from ....application.ports.clock import Clock
from .dice import Dice
from .exchange import SimulatedExchange


@dataclass(frozen=True, slots=True)
class Latency:
    """How long messages take, milliseconds.

    Attributes:
        up, down: Least and most of a request, and of its answer.
        push: Least and most of a pushed message.
        timeout: After how long a request without an answer is given up.
    """

    up: tuple[int, int] = (5, 60)
    down: tuple[int, int] = (5, 60)
    push: tuple[int, int] = (5, 250)
    timeout: int = 10_000


class Network:
    """Carries one client's requests.

    Args:
        clock: The client's, which may be wrong; waiting is done on it.
    """

    def __init__(
        self, exchange: SimulatedExchange, clock: Clock, dice: Dice, latency: Latency
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.dice = dice
        self.latency = latency

    def go(self) -> None:
        """Carry a request there; the exchange lives on meanwhile."""
        self.wait(self.dice.between(*self.latency.up))

    def come_back(self) -> None:
        """Carry an answer back."""
        self.wait(self.dice.between(*self.latency.down))

    def wait(self, milliseconds: int) -> None:
        """Let time pass for the client, and bring the exchange to the present."""
        self.clock.sleep_until(self.clock.now_ms() + milliseconds)
        self.exchange.sync()
