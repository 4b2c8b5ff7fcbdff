"""Simulated events: whole sessions with database, venue, faults and oracle, on every core."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Any

from tests.support.dst.events import trials
from tests.support.dst.play import play
from tests.support.dst.report import Report

_WORLDS = 12


def run(full: bool) -> list[dict[str, Any]]:
    """Play the campaign's first worlds, each by a process of its own core.

    Args:
        full: Four times as many.
    """
    cores = len(os.sched_getaffinity(0))
    chosen = list(islice(trials(), 4 * _WORLDS if full else _WORLDS))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=context) as pool:
        # Processes that have started and imported: a campaign pays for that once.
        list(pool.map(_settle, range(4 * cores)))
        began = time.perf_counter()
        reports = list(pool.map(play, chosen))
        passed = time.perf_counter() - began
    broken = sum(len(one.broken) for one in reports)
    if broken:
        raise RuntimeError(f"{broken} violations: see python -m evidence scoreboard")
    rates = [one.events / one.seconds for one in reports]
    total = Report()
    for one in reports:
        total.add(one)
    low, middle, high = statistics.quantiles(rates, n=4)
    return [
        {
            "name": f"simulated events, {cores} cores",
            "value": total.events / passed,
            "unit": "1/s",
            "events": total.events,
            "orders": total.orders,
        },
        {
            "name": "simulated events, one core, by world",
            "value": middle,
            "unit": "1/s",
            "spread": (high - low) / middle,
        },
    ]


def _settle(_: int) -> None:
    time.sleep(0.2)
