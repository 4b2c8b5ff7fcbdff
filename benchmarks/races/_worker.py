"""Our end of a race against a peer in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "peers"
LOG = BUILT / "peers.log"


class Absent(Exception):
    """A peer that cannot be measured here; the text is the reason."""


class Reading(NamedTuple):
    """Work a second of the clock, and of the processors.

    The second hardly depends on what else the machine does.
    """

    rate: float
    cpu: float


class Worker:
    """One process of peers.

    Args:
        module: Of ``benchmarks.peers``.
        data: The arrays that it reads.
        environment: Which of the environments of ``make bench-peers``.

    Attributes:
        versions: Of the packages that take part, once one has been measured.
        last: Of each peer the last reading with all that it told.
    """

    def __init__(self, module: str, data: Path, environment: str = "main") -> None:
        self._command = [
            str(BUILT / environment / "bin" / "python"),
            *("-m", f"benchmarks.peers.{module}", str(data)),
        ]
        self._process: subprocess.Popen[str] | None = None
        self.versions: dict[str, str] = {}
        self.last: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.communicate()

    def measure(self, name: str, seconds: float) -> dict[str, Any]:
        """Return one reading of a peer, with ``rate`` in it.

        Raises:
            Absent: With the reason, if it cannot be measured.
        """
        if self._process is None:
            self._process = self._start()
        answer = self._ask(self._process, json.dumps([name, seconds]))
        if "absent" in answer:
            raise Absent(answer["absent"])
        self.last[name] = answer
        return answer

    def rate(self, name: str, seconds: float) -> Callable[[], Reading]:
        """Return a call that measures one rate."""

        def measure() -> Reading:
            answer = self.measure(name, seconds)
            return Reading(answer["rate"], answer["cpu"])

        return measure

    def _start(self) -> subprocess.Popen[str]:
        if not Path(self._command[0]).exists():
            raise Absent("its environment is not built: make bench-peers")
        with LOG.open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.versions = self._read(process)["versions"]
        return process

    def _ask(self, process: subprocess.Popen[str], line: str) -> dict[str, Any]:
        assert process.stdin is not None
        try:
            print(line, file=process.stdin, flush=True)
        except BrokenPipeError as error:
            raise Absent(f"its process ended, see {LOG}") from error
        return self._read(process)

    def _read(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Absent(f"its process ended, see {LOG}")
        answer: dict[str, Any] = json.loads(line)
        return answer
