"""Forks workers from a process that has imported everything, so that starting one costs little.

``python -m tests.support.zygote MODULE`` reads one JSON command a line: ``{"start": [order, log]}``
is answered with a pid, ``{"poll": pid}`` with an exit code or null. At the end of its input it ends
its workers and itself. It opens no database: SQLite's locks must not be carried through a fork.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any


def main() -> int:
    """Fork what is asked for until the input ends."""
    module = importlib.import_module(sys.argv[1])
    codes: dict[int, int | None] = {}
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        if "start" in command:
            pid = _fork(module, *command["start"])
            codes[pid] = None
            answer: int | None = pid
        else:
            pid = command["poll"]
            if codes[pid] is None:
                found, status = os.waitpid(pid, os.WNOHANG)
                codes[pid] = os.waitstatus_to_exitcode(status) if found else None
            answer = codes[pid]
        print(json.dumps(answer), flush=True)  # noqa: T201  the protocol
    for pid, code in codes.items():
        if code is None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return 0


def _fork(module: Any, order: str, log: str) -> int:  # noqa: ANN401  a module with a main
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        code = module.main([order])
    except BaseException:  # noqa: BLE001  a fork must not return into the loop of its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
