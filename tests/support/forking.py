"""A runner whose workers are forked from a process that has imported everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from mettle.application.ports.trial_runner import WorkOrder


class ForkedWorker:
    """A forked worker process."""

    def __init__(self, runner: ForkingRunner, order: WorkOrder, pid: int) -> None:
        self._runner = runner
        self._order = order
        self.pid = pid

    @property
    def order(self) -> WorkOrder:
        """What it was given."""
        return self._order

    def alive(self) -> bool:
        """Return whether it still runs."""
        return self._runner.ask({"poll": self.pid}) is None

    def failure(self) -> str:
        """Return why it ended, "" if well."""
        code = self._runner.ask({"poll": self.pid})
        return f"ended with exit code {code}" if code else ""

    def stop(self) -> None:
        """Ask it to lay down its work."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        while self.alive():
            pass


class ForkingRunner:
    """See ``TrialRunner``.

    Args:
        module: Its ``main`` takes a list with the order's JSON.
        logs: Folder of the workers' output.
    """

    def __init__(self, module: str, logs: Path) -> None:
        self._logs = logs
        self._lock = threading.Lock()
        self._started: list[ForkedWorker] = []
        logs.mkdir(parents=True, exist_ok=True)
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: object) -> int | None:
        """Return the answer to a command."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        with self._lock:
            self._zygote.stdin.write(json.dumps(command) + "\n")
            self._zygote.stdin.flush()
            answer: int | None = json.loads(self._zygote.stdout.readline())
        return answer

    def start(self, order: WorkOrder) -> ForkedWorker:
        """Start a worker."""
        text, log = json.dumps(asdict(order), default=str), self._logs / f"{order.worker}.log"
        pid = self.ask({"start": [text, str(log)]})
        assert pid is not None
        made = ForkedWorker(self, order, pid)
        self._started.append(made)
        return made

    def close(self) -> None:
        """End every worker, and the process that forked them."""
        if self._zygote.poll() is None:
            for one in self._started:
                one.kill()
            assert self._zygote.stdin is not None
            assert self._zygote.stdout is not None
            self._zygote.stdin.close()
            self._zygote.wait()
            self._zygote.stdout.close()
