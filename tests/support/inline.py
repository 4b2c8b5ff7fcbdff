"""A runner whose worker does all its work, in this process, before it counts as started."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from mettle.adapters.campaign.in_process import DoneWorker
from mettle.application.campaign.objective import Objective
from mettle.application.campaign.worker import TrialWorker, WorkerTools
from mettle.application.ports.trial_runner import WorkOrder
from mettle.entrypoints.campaign_worker import open_bench

Change = Callable[[WorkerTools, Objective], tuple[WorkerTools, Objective]]


class InlineRunner:
    """See ``TrialRunner``.

    Args:
        change: Puts decorators around a worker's tools and objective.
    """

    def __init__(self, change: Change = lambda tools, objective: (tools, objective)) -> None:
        self._change = change
        self.started = 0

    def start(self, order: WorkOrder) -> DoneWorker:
        """Do the work."""
        self.started += 1
        bench = open_bench(order)
        try:
            tools = bench.tools(lambda _life: nullcontext(), order.lease_s)
            tools, objective = self._change(tools, bench.objective())
            TrialWorker(tools, objective, order.worker).run()
        finally:
            bench.close()
        return DoneWorker(order)

    def close(self) -> None:
        """Do nothing."""
