"""Approved intents that wait for something else on their symbol to end."""

from __future__ import annotations

from collections.abc import Iterator

from ...domain.market import Symbol
from ...domain.orders import OrderIntent, Reduction, Unknown, is_urgent
from ...domain.risk import Approved
from ..ports.venue import VenueCapabilities
from .board import Board

Held = tuple[Approved, int, int]
"""What was approved, its arrival price and its deadline."""


class Waiting:
    """Exits that wait for other orders, and sales that wait for the stop that locks the coins."""

    def __init__(self, able: VenueCapabilities) -> None:
        self._able = able
        self._held: list[Held] = []

    def __bool__(self) -> bool:
        return bool(self._held)

    def clear(self) -> None:
        """Forget all of them."""
        self._held.clear()

    def symbols(self) -> frozenset[Symbol]:
        """Return the symbols on which something waits."""
        return frozenset(one.intent.symbol for one, _, _ in self._held)

    def has_exit(self, symbol: Symbol) -> bool:
        """Return whether an exit that cannot wait for a price waits on a symbol."""
        return any(_is_exit(one, symbol) for one in self._held)

    def hold(self, approved: Approved, arrival: int, deadline: int) -> None:
        """Let an intent wait; an exit takes the place of what is none."""
        symbol = approved.intent.symbol
        if is_urgent(approved.intent):
            self._held = [
                one for one in self._held if one[0].intent.symbol != symbol or _is_exit(one, symbol)
            ]
        self._held.append((approved, arrival, deadline))

    def ready(self, board: Board) -> Iterator[Held]:
        """Take out and yield, one by one, what nothing stands in the way of any more."""
        for held in tuple(self._held):
            intent = held[0].intent
            if held not in self._held or any(True for _ in board.on(intent.symbol)):
                continue
            if not self.is_locked(board, intent):
                self._held.remove(held)
                yield held

    def locked(self, board: Board) -> frozenset[Symbol]:
        """Return the symbols on which nothing but a stop that rests stands in the way."""
        waiting = (one.intent for one, _, _ in self._held)
        return frozenset(
            one.symbol
            for one in waiting
            if not any(True for _ in board.on(one.symbol)) and self.is_locked(board, one)
        )

    def is_locked(self, board: Board, intent: OrderIntent) -> bool:
        """Return whether a stop that rests stands in an intent's way and must end first.

        On spot it locks what is to be sold. Where the venue itself keeps orders from turning a
        position, a reduction may stand beside it. And an exit does not wait for a stop of which
        nobody knows anything, unless the two together could turn the position.
        """
        resting = board.resting(intent.symbol)
        if resting is None or resting.record.intent.side is not intent.side:
            return False
        contract = intent.symbol.is_perpetual
        bounded = self._able.reduce_only or not (contract or self._able.lends_coins)
        if not (bounded and isinstance(intent, Reduction)):
            return True
        order = board.last(resting)
        unknown = order is not None and isinstance(order.state, Unknown)
        return not (contract or (unknown and is_urgent(intent)))


def _is_exit(held: Held, symbol: Symbol) -> bool:
    intent = held[0].intent
    return intent.symbol == symbol and is_urgent(intent)
