"""The rows of a run.

Every time is Unix milliseconds UTC, every price ticks, every quantity lots, every amount of quote
currency whole 1e-8 units; only amounts that may be in any asset are Decimals.
``occurred_at`` is when the world did it, ``recorded_at`` when we wrote it down.

What is written for every bar is a tuple: it costs a fraction of a frozen class, and a database
takes it as it is.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class RunStatus(Enum):
    """Where a run stands."""

    RUNNING = "running"
    """Started and not ended; after a crash it stays so, and the run can be resumed."""
    STOPPED = "stopped"
    """Ended between two bars on request; it can be resumed."""
    FINISHED = "finished"
    """Came to the end of its bars."""
    RUINED = "ruined"
    """Fell to the ruin level and closed everything."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One session.

    Attributes:
        run_id: Ours; a second start with it resumes the run.
        kind: ``paper`` (``live`` later).
        agent: Name of what decides.
        plan: Everything that fixes the result (agent's fingerprint, symbols, timeframe, settings,
            period, data hash) as canonical JSON; a resumed run must bring the same.
        synthetic: Whether its bars are generated.
        created_at, ended_at: Wall clock; ``ended_at`` is None until it ends.
        message: Why it ended, for people.
    """

    run_id: str
    kind: str
    agent: str
    timeframe: str
    symbols: tuple[str, ...]
    venue: str
    quote: str
    initial_cash: int
    plan: str
    synthetic: bool
    created_at: int
    status: RunStatus = RunStatus.RUNNING
    ended_at: int | None = None
    message: str = ""


_BAR = struct.Struct("<9q")

BarNumbers = tuple[int, int, int, int, int, int, int, int, int]
"""Of a bar: open time, open, high, low, close, volume, state and both funding rates."""


def chain_link(previous: str, symbol: str, numbers: BarNumbers) -> str:
    """Return the hash that follows ``previous`` with one bar."""
    return hashlib.sha256(f"{previous}|{symbol}|".encode() + _BAR.pack(*numbers)).hexdigest()


class SeenBar(NamedTuple):
    """One bar of one asset, exactly as the session saw it.

    Attributes:
        seen_at: When it reached us.
        chain: SHA-256 over the previous bar's chain and this bar: a changed, lost or added bar
            breaks every later link.
    """

    run_id: str
    symbol: str
    open_time: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    state: int
    funding_open: int
    funding_inside: int
    seen_at: int
    chain: str

    @property
    def numbers(self) -> BarNumbers:
        """From the open time to the funding inside the bar."""
        return (
            self.open_time,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.state,
            self.funding_open,
            self.funding_inside,
        )

    def link(self, previous: str) -> str:
        """Return the chain that follows ``previous`` with this bar."""
        return chain_link(previous, self.symbol, self.numbers)


class AssetDecision(NamedTuple):
    """What was decided for one asset, and what came of it.

    Attributes:
        action: As given by the agent; None if it was not a number.
        wanted: Target weight, 1e-4 of equity; None for a hold.
        current: Weight held, 1e-4 of equity.
        target_lots: Lots wanted after all rules; None for a hold.
        change: Lots to trade, signed; 0 for none.
        verdict: ``traded`` or why not, for people.
    """

    symbol: str
    action: float | None
    wanted: int | None
    current: int
    target_lots: int | None
    change: int
    verdict: str


class DecisionRecord(NamedTuple):
    """One decision: all assets at the close of one bar.

    Attributes:
        bar_time: Open of the bar that had closed.
        decided_at: Its close.
        equity: What it was sized on.
    """

    run_id: str
    bar_time: int
    decided_at: int
    recorded_at: int
    equity: int
    assets: tuple[AssetDecision, ...]


class EquityMark(NamedTuple):
    """The account at the close of one bar; ``equity = cash + Σ lots × mark``, exactly.

    Attributes:
        realised, unrealised, fees, funding: Since the start; fees are positive when paid, funding
            positive when received.
        gross: Σ |position value|.
    """

    run_id: str
    bar_time: int
    marked_at: int
    recorded_at: int
    equity: int
    cash: int
    gross: int
    realised: int
    unrealised: int
    fees: int
    funding: int


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """A state that would be slow to rebuild, such as the indicators'; a shortcut, never a truth.

    Attributes:
        name: What it is of; one snapshot a name is kept.
        bar_time: Open of the last bar that it contains.
    """

    run_id: str
    name: str
    bar_time: int
    content: bytes
