"""Workers as processes of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ...application.ports.trial_runner import WorkOrder
from ...domain.errors import StorageError
from ..persistence.folders import storage_error

PARENT = "METTLE_PARENT"
"""Environment variable with the process that started a worker, which may die before it looks."""

_TAIL = 2_000  # bytes of a log that are read for the reason of a death


class LocalProcess:
    """A worker process."""

    def __init__(self, order: WorkOrder, process: subprocess.Popen[bytes], log: Path) -> None:
        self._order = order
        self._process = process
        self._log = log

    @property
    def order(self) -> WorkOrder:
        """What it was given."""
        return self._order

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def alive(self) -> bool:
        """See :class:`~mettle.application.ports.trial_runner.Worker`."""
        return self._process.poll() is None

    def failure(self) -> str:
        """See the port."""
        code = self._process.poll()
        if not code:
            return ""
        if code < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}"
            return f"was ended by signal {-code}"
        return f"ended with exit code {code}: {self._last_words()}"

    def stop(self) -> None:
        """See the port."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """See the port."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def _last_words(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - _TAIL))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            return "its log cannot be read"
        return next((line.strip() for line in reversed(lines) if line.strip()), "without a word")


class LocalProcesses:
    """See :class:`~mettle.application.ports.trial_runner.TrialRunner`.

    Args:
        command: What runs a worker; the order follows as JSON.
        logs: Folder of the workers' output.
    """

    def __init__(self, command: Sequence[str], logs: Path) -> None:
        self._command = tuple(command)
        self._logs = logs
        self._started: list[LocalProcess] = []

    def start(self, order: WorkOrder) -> LocalProcess:
        """See the port."""
        text = json.dumps(asdict(order), default=str)
        threads = str(order.threads or os.cpu_count() or 1)
        names = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads), PARENT: str(os.getpid())}
        log = self._logs / f"{order.worker}.log"
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                    [*self._command, text],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    process_group=0,  # Ctrl-C is the parent's, which lets it lay down its work
                )
        except OSError as error:
            raise storage_error(log, error) from error
        made = LocalProcess(order, process, log)
        self._started.append(made)
        return made

    def close(self) -> None:
        """See the port."""
        for one in self._started:
            one.kill()
        self._started.clear()


def worker_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what runs this interpreter with these arguments as a worker.

    Raises:
        StorageError: If this interpreter cannot be started again.
    """
    if not sys.executable:
        raise StorageError("this interpreter does not know its own path")
    return (sys.executable, *arguments)
