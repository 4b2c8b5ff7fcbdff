"""The venue as a process sees it: every call is a place to die, and every create is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from mettle.application.ports.venue import (
    Acknowledgement,
    CancelAnswer,
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
from mettle.domain.errors import MettleError
from mettle.domain.market import Symbol

from .hooks import Hooks
from .oracle import Oracle
from .scheduler import Actor, Crash
from .storage import ProcessStore

T = TypeVar("T")

CANARY = "s3cr3t-canary-7f3a"
"""What every connection holds as its key, and no sink may show."""


@dataclass
class Wire:
    """What all processes of a world share on their way to the venue."""

    oracle: Oracle
    calls: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)


class ProcessVenue:
    """Implements ``Venue`` for one process.

    Args:
        store: The process's own, to see that no transaction is held over a call.
        ghost: Told of a request whose process died while it was on its way.
    """

    def __init__(
        self,
        inner: Venue,
        wire: Wire,
        hooks: Hooks,
        actor: Actor,
        store: ProcessStore,
        ghost: Callable[[OrderRequest], None] = lambda _: None,
    ) -> None:
        self._inner = inner
        self._wire = wire
        self._hooks = hooks
        self._actor = actor
        self._store = store
        self._ghost = ghost
        self.secret = CANARY

    @property
    def name(self) -> str:
        """The venue's name."""
        return self._inner.name

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the venue can do."""
        return self._inner.capabilities

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Send an order."""
        return self._call("create", lambda: self._create(request), request.client_order_id)

    def _create(self, request: OrderRequest) -> Acknowledgement:
        self._wire.oracle.sends(self._actor.name, request)
        try:
            return self._inner.create(request)
        except Crash:
            # The process is gone; its request may not be.
            self._ghost(request)
            raise

    def cancel(self, symbol: Symbol, client_order_id: str, /) -> CancelAnswer:
        """Ask to end an order."""
        self._wire.oracle.contract.cancels(client_order_id)
        call = lambda: self._inner.cancel(symbol, client_order_id)  # noqa: E731  one line
        return self._call("cancel", call, client_order_id)

    def order(self, symbol: Symbol, client_order_id: str, /) -> VenueOrder | None:
        """Return one order."""
        call = lambda: self._inner.order(symbol, client_order_id)  # noqa: E731  one line
        return self._call("order", call, client_order_id)

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return what may still fill."""
        return self._call("open_orders", self._inner.open_orders)

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return orders."""
        return self._call("orders_since", lambda: self._inner.orders_since(since_ms))

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return executions."""
        return self._call("fills_since", lambda: self._inner.fills_since(since_ms))

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return settlements."""
        return self._call("funding_since", lambda: self._inner.funding_since(since_ms))

    def account(self) -> VenueAccount:
        """Return balances."""
        return self._call("account", self._inner.account)

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch."""
        found = self._call("quote", lambda: self._inner.quote(symbol))
        self._wire.oracle.control.quotes[self._actor.name, str(symbol)] = found
        return found

    def server_time(self) -> int:
        """Return the venue's clock."""
        return self._call("server_time", self._inner.server_time)

    def drain(self) -> Sequence[VenueEvent]:
        """Return what was pushed; no call over the network."""
        self._hooks.scheduler.check(self._actor)
        return self._inner.drain()

    def _call(self, name: str, call: Callable[[], T], about: str = "") -> T:
        found, scheduler = self._wire.oracle.found, self._hooks.scheduler
        found.need(self._store.open_units == 0, "T1", f"{name} was called inside a transaction")
        self._hooks.point(self._actor, f"before {name}")
        self._wire.calls[name] += 1
        self._wire.oracle.contract.called(self._actor.name)
        scheduler.note(f"{self._actor.name} {name} {about}")
        try:
            result = call()
        except MettleError as error:
            self._wire.failures[f"{name} {type(error).__name__}"] += 1
            scheduler.note(f"{name} failed: {type(error).__name__}")
            self._hooks.point(self._actor, f"after {name}")
            raise
        self._hooks.point(self._actor, f"after {name}")
        return result
