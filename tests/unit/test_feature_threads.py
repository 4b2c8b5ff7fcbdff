"""One stream of features and several threads: they wait for each other, and never for ever."""

from __future__ import annotations

import subprocess
import sys

_PLAY = """
import threading
import numpy as np
from mettle import _native

one = np.ones(1)
engine = _native.FeatureEngine([("rsi", [14], False)], one, one, 0, 1)
table = [np.full((200_000, 1), 5, np.int64)] * 5 + [np.ones((200_000, 1), np.uint8)]
row = [np.full(1, 5, np.int64)] * 5 + [np.ones(1, np.uint8)]

def tables():
    for _ in range(60):
        engine.run(*table)

def rows():
    while long.is_alive():
        engine.update(*row)

def looks():
    while long.is_alive():
        engine.valid, engine.snapshot()

long = threading.Thread(target=tables)
others = [threading.Thread(target=one) for one in (rows, rows, looks, looks)]
for one in (long, *others):
    one.start()
for one in (long, *others):
    one.join()
print("done")
"""


def test_rows_tables_and_looks_at_once() -> None:
    """Whoever holds the engine waits for no interpreter: another may wait the other way round."""
    # In a process of its own: threads that block each other would keep the interpreter with them.
    done = subprocess.run(
        [sys.executable, "-c", _PLAY], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "done\n", done.stderr
