"""What a run showed, in a form that can be added up over many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .oracle.violations import Violation


@dataclass
class Report:
    """One run, or the sum of many.

    Attributes:
        fired: Firings by fault.
        disk: Failures of the database by kind and statement.
        cells: Firings by (fault, state of the order it struck, as our journal had it).
        places: How often each place to die was passed, and died at.
        broken: The violations, with the seed that shows them.
    """

    runs: int = 0
    events: int = 0
    seconds: float = 0.0
    checks: int = 0
    orders: int = 0
    fills: int = 0
    restarts: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    disk: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, Violation]] = field(default_factory=list)
    traces: dict[int, str] = field(default_factory=dict)

    def add(self, other: Report) -> None:
        """Add another report to this one."""
        for name in ("runs", "events", "seconds", "checks", "orders", "fills", "restarts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("fired", "disk", "cells", "places", "deaths", "calls", "states", "ends"):
            getattr(self, name).update(getattr(other, name))
        self.broken.extend(other.broken)
        self.traces.update(other.traces)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        matrix: dict[str, dict[str, int]] = {}
        for (fault, state), count in sorted(self.cells.items()):
            matrix.setdefault(fault, {})[state] = count
        return {
            "runs": self.runs,
            "events": self.events,
            "seconds": round(self.seconds, 1),
            "events_per_second": round(self.events / self.seconds) if self.seconds else None,
            "checks": self.checks,
            "orders": self.orders,
            "fills": self.fills,
            "restarts": self.restarts,
            "violations": len(self.broken),
            "faults": dict(sorted(self.fired.items())),
            "database": dict(sorted(self.disk.items())),
            "fault_by_state": matrix,
            "crash_points": {
                place: {"passed": count, "died": self.deaths[place]}
                for place, count in sorted(self.places.items())
            },
            "calls": dict(sorted(self.calls.items())),
            "final_states": dict(sorted(self.states.items())),
        }
