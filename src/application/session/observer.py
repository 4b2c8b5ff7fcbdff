"""What the agent is shown: features bar by bar, and the portfolio part."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

from ...domain.errors import DataError
from ...domain.simulation import Account, Worth, portfolio_values
from ..market.row import BarRow
from ..ports.agent import Agent, BatchRule
from ..ports.feature_builder import FeatureStream

_HEAD = struct.Struct("<qq")


class Observer:
    """Keeps the indicators' state and the last window of features.

    Args:
        stream: Fresh, or to be restored; its first update is the first bar of the history.
        assets: Number of assets A.
    """

    def __init__(self, stream: FeatureStream, agent: Agent, assets: int) -> None:
        self._stream = stream
        self._agent = agent
        self._depth = agent.window
        self._window = np.zeros((self._depth, assets, len(agent.feature_set)), dtype=np.float64)
        # A rule over features alone, which the fast engine decides before anything is held.
        rule = isinstance(agent, BatchRule)
        self._blank = np.zeros(1 + 3 * assets, dtype=np.float32) if rule else None
        self._seen = 0
        self._ever_valid = np.zeros(assets, dtype=np.bool_)
        self._needed = 0

    def warm_up(self, rows: Iterable[BarRow]) -> None:
        """Take bars that are not decided on."""
        for row in rows:
            self.take(row)

    def take(self, row: BarRow) -> None:
        """Take one bar of every asset."""
        values = self._stream.update(row.open, row.high, row.low, row.close, row.volume, row.state)
        if self._depth > 1:
            self._window[:-1] = self._window[1:]
        self._window[-1] = values
        self._seen += 1
        if self._needed < self._depth:
            self._ever_valid |= self._stream.valid
            self._needed = self._needed + 1 if self._ever_valid.all() else 0

    @property
    def ready(self) -> bool:
        """Whether the window lies past the warm-up of every asset."""
        return self._needed >= self._depth

    def decide(self, account: Account, worth: Worth) -> list[float]:
        """Ask the agent; one action an asset."""
        part = self._blank
        if part is None:
            part = np.array(portfolio_values(account, worth), dtype=np.float32)
        actions: list[float] = self._agent.decide(self._window, part).tolist()
        return actions

    def snapshot(self) -> bytes:
        """Return the whole state."""
        head = _HEAD.pack(self._seen, self._needed)
        return head + self._ever_valid.tobytes() + self._window.tobytes() + self._stream.snapshot()

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`.

        Raises:
            DataError: If it is of another agent or damaged.
        """
        flags = _HEAD.size + self._ever_valid.nbytes
        end = flags + self._window.nbytes
        if len(state) < end:
            raise DataError(f"a snapshot of {len(state)} bytes is too short for this agent")
        self._stream.restore(state[end:])
        self._seen, self._needed = _HEAD.unpack_from(state)
        self._ever_valid = np.frombuffer(state[_HEAD.size : flags], dtype=np.bool_).copy()
        window = np.frombuffer(state[flags:end], dtype=np.float64)
        self._window = window.reshape(self._window.shape).copy()
