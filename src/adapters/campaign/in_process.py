"""A worker without a process of its own: it works while it is being started."""

from __future__ import annotations

from collections.abc import Callable

from ...application.ports.trial_runner import WorkOrder


class DoneWorker:
    """A worker that has done what it was started for."""

    def __init__(self, order: WorkOrder) -> None:
        self._order = order

    @property
    def order(self) -> WorkOrder:
        """What it was given."""
        return self._order

    def alive(self) -> bool:
        """Return False."""
        return False

    def failure(self) -> str:
        """Return "": what goes wrong is raised by the start."""
        return ""

    def stop(self) -> None:
        """Do nothing: it has ended."""

    def kill(self) -> None:
        """Do nothing: it has ended."""


class InProcess:
    """See :class:`~mettle.application.ports.trial_runner.TrialRunner`.

    For work that no other process can find. Ctrl-C interrupts it where it is.

    Args:
        work: Does a part of it, about a second's; what it raises ends the campaign.
        close: Called at the end.
    """

    def __init__(self, work: Callable[[WorkOrder], object], close: Callable[[], None]) -> None:
        self._work = work
        self._close = close

    def start(self, order: WorkOrder) -> DoneWorker:
        """See the port: when it returns, the worker has ended."""
        self._work(order)
        return DoneWorker(order)

    def close(self) -> None:
        """See the port."""
        self._close()
