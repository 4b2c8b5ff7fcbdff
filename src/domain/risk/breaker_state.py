"""One breaker as it stands: everything it knows is in here, so a restart forgets nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any, Self

from ..errors import InvalidValue
from .rules import DAY, BreakerKind, BreakerRule

MEMORY = 30 * DAY
TRIPS = 3
"""So many trips within :data:`MEMORY` make the last of them critical."""


class Phase(Enum):
    """The three states of a breaker."""

    CLOSED = "closed"
    """Trading is free."""
    OPEN = "open"
    """Nothing may be opened."""
    HALF_OPEN = "half open"
    """On trial: one half-size opening, if it guards against losses."""


class BreakerEventKind(Enum):
    """What happened to a breaker."""

    TRIPPED = "tripped"
    ON_TRIAL = "on trial"
    """Left OPEN for HALF_OPEN; baselines and counters begin anew."""
    CLOSED = "closed"
    ACKNOWLEDGED = "acknowledged"
    REVIEW = "review"
    """Nothing stops, but somebody should look."""


@dataclass(frozen=True, slots=True)
class BreakerEvent:
    """One change, for the audit and for alerts.

    Attributes:
        name: The breaker's, with its symbol if it has one.
        critical: Whether it now waits for an operator.
        at: Unix milliseconds UTC.
    """

    name: str
    kind: BreakerEventKind
    text: str
    critical: bool
    at: int


@dataclass(frozen=True, slots=True)
class BreakerState:
    """One breaker.

    Attributes:
        name: A key of :data:`~mettle.domain.risk.rules.KINDS`, with `` SYMBOL`` behind it where
            the breaker is that symbol's own; or ``trades_per_day``.
        since: When the phase began, Unix milliseconds UTC.
        until: Earliest end of OPEN; 0 outside it.
        critical: Whether leaving OPEN takes an operator.
        acknowledged: Whether the operator has said so.
        cause: What tripped it, for people.
        trips: When it tripped within :data:`MEMORY`.
        baseline: Equity that losses are measured from, 1e-8 of the quote currency: at the begin of
            the period, or the peak. None before the first mark.
        period: When the period of the baseline, or of the openings, began.
        last: Equity at the last mark.
        count: Losses in a row; for the drawdown 1 once its review was called.
        samples: What the window holds: (time, least, greatest).
        openings: Ids and lots of the openings that count: those of the day, or the one on trial.
        seen: The latest time it was told; a clock that jumps back does not bring back the past.
    """

    name: str
    phase: Phase = Phase.CLOSED
    since: int = 0
    until: int = 0
    critical: bool = False
    acknowledged: bool = False
    cause: str = ""
    trips: tuple[int, ...] = ()
    baseline: int | None = None
    period: int = 0
    last: int | None = None
    count: int = 0
    samples: tuple[tuple[int, int, int], ...] = ()
    openings: tuple[tuple[str, int], ...] = ()
    seen: int = 0

    @property
    def rule_name(self) -> str:
        """The name without the symbol."""
        return self.name.partition(" ")[0]

    @property
    def symbol(self) -> str:
        """The symbol that it is of; empty for the whole account."""
        return self.name.partition(" ")[2]

    def at(self, now: int) -> Self:
        """Return it with its clock moved on, never back."""
        return replace(self, seen=now) if now > self.seen else self

    def tripped(self, rule: BreakerRule, kind: BreakerKind, cause: str) -> Self:
        """Return it OPEN from now (:attr:`seen`) on."""
        trips = (*(time for time in self.trips if time > self.seen - MEMORY), self.seen)
        return replace(
            self,
            phase=Phase.OPEN,
            since=self.seen,
            until=rule.until(kind, self.seen),
            critical=rule.critical or len(trips) >= TRIPS,
            acknowledged=False,
            cause=cause,
            trips=trips,
            openings=(),
        )

    def may_leave(self, now: int) -> bool:
        """Return whether time and operator let it leave OPEN; a clean reconciliation must too."""
        return (
            self.phase is Phase.OPEN
            and now >= self.until
            and (self.acknowledged or not self.critical)
        )

    def on_trial(self) -> Self:
        """Return it HALF_OPEN, with its baseline at the last mark and its counters at zero."""
        return replace(
            self.closed(),
            phase=Phase.HALF_OPEN,
            baseline=self.last,
            count=0,
            samples=(),
        )

    def closed(self) -> Self:
        """Return it CLOSED, with its counters as they are."""
        return replace(
            self,
            phase=Phase.CLOSED,
            since=self.seen,
            until=0,
            critical=False,
            acknowledged=False,
            cause="",
            openings=(),
        )

    def to_json(self) -> str:
        """Return canonical JSON: equal states give equal text."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        content["phase"] = self.phase.value
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Build from :meth:`to_json`'s text.

        Raises:
            InvalidValue: If it is not such a text; a breaker is never guessed.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            content["phase"] = Phase(content["phase"])
            content["trips"] = tuple(content["trips"])
            for name in ("samples", "openings"):
                content[name] = tuple(tuple(one) for one in content[name])
            state = cls(**content)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidValue(
                f"a breaker's state cannot be read: {text!r}",
                mend="restore the database from a backup",
            ) from error
        if state.to_json() != text:
            raise InvalidValue(
                f"a breaker's state is not as it was written: {text!r}",
                mend="restore the database from a backup",
            )
        return state
