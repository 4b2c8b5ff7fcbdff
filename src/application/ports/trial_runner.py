"""Where workers run, as a port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a worker must know to begin.

    Attributes:
        worker: Its id, unique for good.
        lease_s: A worker silent for longer is taken for dead.
        threads: Threads that it may use, 0 is all.
        settings: Those in force where it was ordered, as plain JSON and without secrets.
    """

    home: Path
    config: Path
    study: str
    worker: str
    lease_s: float
    threads: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


class Worker(Protocol):
    """A worker that was started."""

    @property
    def order(self) -> WorkOrder:
        """What it was given."""

    def alive(self) -> bool:
        """Return whether it still runs."""

    def failure(self) -> str:
        """Return why it ended, "" if as it should or not yet."""

    def stop(self) -> None:
        """Ask it to lay down its work; returns at once."""

    def kill(self) -> None:
        """End it at once, and return when it is gone."""


class TrialRunner(Protocol):
    """Starts workers. Adapters: processes of this machine, Ray.

    Workers of a runner that dies end by themselves; what they held is given to others.
    """

    def start(self, order: WorkOrder) -> Worker:
        """Start a worker; StorageError or NotFound if that is not possible."""

    def close(self) -> None:
        """End every worker that still runs."""
