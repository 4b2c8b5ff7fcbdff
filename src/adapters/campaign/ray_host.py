"""What Ray runs on a node: the same worker process that a machine without Ray runs.

Ray finds this class by its name on every node; nothing of ours is pickled but text and numbers.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from ...application.ports.trial_runner import WorkOrder
from ...domain.errors import MettleError
from .local_processes import LocalProcess, LocalProcesses, worker_command

DISTRIBUTION = "mettle-trader"
_LOOK_S = 0.05


class WorkerHost:
    """Starts one worker process on the node that it lives on, and waits for its end.

    It has two threads: one waits in :meth:`work`, the other one takes what is asked meanwhile. Its
    process is the worker's parent, so a worker ends with it.

    Args:
        arguments: What the node's own interpreter runs; the order follows as JSON.
        logs: Folder of the workers' output, on the node.
        release: Version of mettle that ordered the work.
    """

    def __init__(self, arguments: Sequence[str], logs: str, release: str) -> None:
        self._arguments = tuple(arguments)
        self._logs = Path(logs)
        self._release = release
        self._process: LocalProcess | None = None
        self._stopping = threading.Event()

    def work(self, order: str) -> str:
        """Run a worker to its end and return why it ended, "" if as it should."""
        here = version(DISTRIBUTION)
        if here != self._release:
            return f"its node has mettle {here}, the campaign runs on {self._release}"
        if self._stopping.is_set():
            return ""
        body = json.loads(order)
        known = {**body, "home": Path(body["home"]), "config": Path(body["config"])}
        try:
            runner = LocalProcesses(worker_command(self._arguments), self._logs)
            self._process = process = runner.start(WorkOrder(**known))
        except MettleError as error:
            return str(error)
        if self._stopping.is_set():
            process.stop()
        while process.alive():
            time.sleep(_LOOK_S)
        return process.failure()

    def stop(self) -> None:
        """Ask the worker to lay down its work."""
        self._stopping.set()
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End the worker at once, and return when it is gone."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()
