"""The way to the exchange and back: it takes time, and it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from ....application.ports.clock import Clock
from ....application.ports.venue import OutcomeUnknown, RateLimited
from ....domain.errors import VenueError
from .dice import Dice
from .exchange import SimulatedExchange
from .faults import Fault, Site

_BROKEN = {
    Fault.MAINTENANCE_503: "answered 503 Service Unavailable",
    Fault.EMPTY_BODY: "answered with an empty body",
    Fault.HTML_BODY: "answered with a page of HTML",
}
_PATIENCE = 3
"""How many requests during a pause that it asked for the exchange bears before it bans."""
_BAN_MS = 120_000


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


class StampRefused(VenueError):
    """The exchange refused a request for its time stamp; nothing was done."""


class Network:
    """Carries one client's requests.

    Args:
        clock: The client's, which may be wrong; waiting is done on it.
    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        account: str,
        clock: Clock,
        dice: Dice,
        latency: Latency,
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.dice = dice
        self.latency = latency
        self._account = exchange.floor.account(account)
        self._offset = 0
        self._begun = 0.0

    @property
    def stamp(self) -> int:
        """The exchange's time as far as the client knows it."""
        return self.clock.now_ms() + self._offset

    def learn(self, server_time: int) -> None:
        """Set the stamps by what the exchange said the time was."""
        self._offset = server_time - self.clock.now_ms()

    def reach(self, client_id: str = "", *, signed: bool = True) -> None:
        """Carry a request there; the exchange lives on meanwhile.

        Raises:
            OutcomeUnknown: If no answer can be had.
            RateLimited: If the exchange wants fewer requests.
            StampRefused: If our idea of its time is too far off.
        """
        self._begun = self.clock.monotonic()
        self.exchange.sync()
        faults, stamp = self.exchange.faults, self.stamp
        if faults.is_on(Fault.DNS_GONE, self.exchange.floor.now):
            self.fire(Fault.DNS_GONE, client_id)
            self.wait(self.dice.between(*self.latency.up))
            raise OutcomeUnknown("the exchange's name could not be resolved")
        self.wait(self.dice.between(*self.latency.up))
        self._check_budget(client_id)
        for fault, words in _BROKEN.items():
            if faults.is_on(fault, self.exchange.floor.now):
                self.fire(fault, client_id)
                self.come_back()
                raise OutcomeUnknown(f"the exchange {words}")
        if self.exchange.rules.stamped and signed:
            self._check_stamp(stamp)

    def come_back(self) -> None:
        """Carry an answer back."""
        self.wait(self.dice.between(*self.latency.down))

    def lose_answer(self, words: str) -> NoReturn:
        """Wait in vain until the time-out.

        Raises:
            OutcomeUnknown: Always.
        """
        passed = int((self.clock.monotonic() - self._begun) * 1000)
        self.wait(max(0, self.latency.timeout - passed))
        raise OutcomeUnknown(f"{words}: no answer within {self.latency.timeout / 1000:g} s")

    def wait(self, milliseconds: int) -> None:
        """Let time pass for the client, and bring the exchange to the present."""
        self.clock.sleep_until(self.clock.now_ms() + milliseconds)
        self.exchange.sync()

    def pick(self, site: Site) -> Fault | None:
        """Return the fault that strikes this request, if any; it counts when it is fired."""
        return self.exchange.faults.pick(site, self._account.name, self.exchange.floor.now)

    def fire(self, fault: Fault, client_id: str) -> None:
        """Count a fault."""
        self.exchange.faults.fire(fault, self._account.name, client_id)

    def _check_budget(self, client_id: str) -> None:
        account, now = self._account, self.exchange.floor.now
        if self.exchange.faults.is_over:
            return
        fault = self.pick(Site.CALL)
        if fault is Fault.SLOW_ANSWER:
            self.fire(fault, client_id)
            self.wait(self.dice.between(1_000, self.latency.timeout - 1_000))
            now = self.exchange.floor.now
        if now < account.banned_until:
            self.fire(Fault.BANNED_418, client_id)
            self.come_back()
            raise RateLimited("418: banned", max(1, account.banned_until - now))
        if now < account.quiet_until:
            account.strikes += 1
            if account.strikes >= _PATIENCE:
                account.banned_until = now + _BAN_MS
        elif fault is Fault.RATE_LIMIT_429:
            account.strikes = 0
            account.quiet_until = now + self.dice.between(1_000, 20_000)
            self._press_on()
        else:
            return
        self.fire(Fault.RATE_LIMIT_429, client_id)
        self.come_back()
        left = max(1, account.quiet_until - self.exchange.floor.now)
        raise RateLimited("429: too many requests", left)

    def _press_on(self) -> None:
        """Let another process of the same key take no notice of the pause, now and then."""
        plan, share = self.exchange.faults.plan, self.dice.share()
        if share < plan.rates.get(Fault.BANNED_418, 0.0) and Fault.BANNED_418 not in plan.without:
            self._account.banned_until = self._account.quiet_until + _BAN_MS

    def _check_stamp(self, stamp: int) -> None:
        """Refuse a stamp outside the window, and ask for the time so that the next one is in it."""
        rules, server_time = self.exchange.rules, self.exchange.floor.server_time
        if server_time - rules.fence_ms <= stamp <= server_time + rules.early_ms:
            return
        self.come_back()
        self.learn(self.exchange.floor.server_time)
        raise StampRefused(f"timestamp {stamp} is outside the window around {server_time}")
