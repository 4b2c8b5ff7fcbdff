"""S11: what a kill does, with everything around it broken.

Three figures: how late the last create reaches the venue; how long until the last of many resting
orders has ended while cancellations fail; the same with the trader's process stopped.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from mettle.adapters.system import SequentialIds
from mettle.adapters.venues.exchange import Fault
from mettle.application.control import KillGear, KillOrder, kill
from mettle.application.control.cancelling import OrderCanceller, Reach
from mettle.application.ports.venue import RepeatedId, VenueOrderStatus
from mettle.domain.orders import ExecutionPolicy

from .parts import Part, Scale
from .plan import MINUTE
from .scheduler import Actor
from .stage import BEGIN, SECOND, Scene, Stage
from .stopped import Stopped, stopped
from .storage import ProcessStore
from .world import ACCOUNT

TICK = SECOND
"""How often a session looks between its bars."""
RESTING = 50
ENOUGH = 60 * SECOND
_ERRORS = {Fault.CANCEL_UNKNOWN: 0.2, Fault.CANCEL_LOST: 0.1, Fault.CANCEL_RESPONSE_LOST: 0.08}
_WAITS = {Scale.SHORT: 20, Scale.CI: 60, Scale.NIGHTLY: 600, Scale.RELEASE: 600}
_SEEDS = {Scale.SHORT: 1, Scale.CI: 2, Scale.NIGHTLY: 20, Scale.RELEASE: 20}
_WAYS = ("healthy", "database read-only", "notifier hung", "both")


def _busy(after: int) -> Scene:
    """Return a scene in which three symbols trade at each bar, and a kill comes at some moment."""
    wants = {0: (0.3, 0.3, -0.3), 1: (-0.3, 0.3, 0.3)}
    acts = ((after, lambda stage: stage.people.kill(flatten=False)),)
    return Scene("busy", wants, acts, length=after + 20 * SECOND, names=_BUSY)


_BUSY = ("BTC/USDT", "ETH/USDT", "BTC/USDT:USDT")


def lateness(after: int) -> int:
    """Return how many milliseconds after a kill the last create reached the venue.

    Args:
        after: When the kill comes, milliseconds from the beginning.
    """
    stage = Stage(_busy(after), RepeatedId.REFUSED)
    creates: list[int] = []
    stage.exchange.watch(
        lambda kind, _, __: creates.append(stage.scheduler.now) if kind == "create" else None
    )
    try:
        stage.play()
    finally:
        stage.close()
    if stage.oracle.violations:
        raise AssertionError(str(stage.oracle.violations[0]))
    return max((0, *(at - stage.oracle.control.killed_at for at in creates)))


@dataclass
class Ended:
    """What a kill with many resting orders came to.

    Attributes:
        resting: How many rested when it came.
        took: Until the last had ended at the venue, milliseconds.
        failed: How many cancellations of a live order went wrong.
        broken: What else was wrong.
    """

    way: str
    resting: int = 0
    took: int = -1
    failed: int = 0
    broken: list[str] = field(default_factory=list)


def resting(way: str, seed: int) -> Ended:
    """Kill an account with many resting orders while cancellations fail."""
    names = tuple(f"A{at:02d}/USDT" for at in range(RESTING + 10))
    scene = Scene(
        "resting",
        {0: (0.015,) * len(names)},
        names=names,
        length=150 * SECOND,
        policy=ExecutionPolicy(maker_wait=110 * SECOND),
        swing=0.00002,
        rates=_ERRORS,
        seed=1 + seed,
    )
    stage, ended = Stage(scene, RepeatedId(list(RepeatedId)[seed % 3])), Ended(way)
    stage.scheduler.at(BEGIN + 61 * SECOND, "watch", lambda: _when_resting(stage, ended))
    try:
        stage.play()
    finally:
        stage.close()
    ended.failed = sum(stage.exchange.faults.struck[one] for one in _ERRORS)
    ended.broken = [str(one) for one in stage.oracle.violations]
    return ended


def _live(stage: Stage) -> int:
    return sum(
        one.status is VenueOrderStatus.OPEN
        for order in stage.truth.placed()
        for one in stage.truth.orders(order.client_order_id)
    )


def _when_resting(stage: Stage, ended: Ended) -> None:
    """Kill once enough of them rest."""
    if _live(stage) < RESTING:
        stage.scheduler.at(stage.scheduler.now + 100, "watch", lambda: _when_resting(stage, ended))
        return
    ended.resting = _live(stage)
    if ended.way in {"database read-only", "both"}:
        stage.disk.until["read-only"] = stage.scheduler.now + 2 * MINUTE
    stage.notifier.hung = ended.way in {"notifier hung", "both"}
    _kill_with_connection(stage)
    began = stage.scheduler.now

    def look() -> None:
        if not _live(stage):
            ended.took = stage.scheduler.now - began
        elif stage.scheduler.now < began + 5 * MINUTE:
            stage.scheduler.at(stage.scheduler.now + 100, "watch", look)

    look()


def _kill_with_connection(stage: Stage) -> None:
    """Kill as the command does that can reach the venue itself."""

    def run() -> None:
        clock = stage.clocks[actor.name]
        store = ProcessStore(stage.disk, stage.hooks, actor)
        reach = {ACCOUNT: Reach("testnet", lambda: stage.connection(actor))}
        cancel = OrderCanceller(reach, clock)
        gear = KillGear(stage.kill_switch, clock, SequentialIds(), lambda: store, cancel)
        kill(KillOrder(ACCOUNT, actor.name, "drill"), gear)

    actor = Actor("operator", run)
    stage.scheduler.start_actor(actor)


def measure(scale: Scale, processes: int) -> Part:
    """Kill busy sessions, sessions with many resting orders, and a process that is stopped."""
    moments = [60_000 + 67_000 * at // _WAITS[scale] for at in range(_WAITS[scale])]
    cases = [(way, seed) for seed in range(_SEEDS[scale]) for way in _WAYS]
    if processes <= 1:
        late = [lateness(one) for one in moments]
        ended = [resting(way, seed) for way, seed in cases]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            late = list(pool.map(lateness, moments, chunksize=8))
            ended = list(pool.map(resting, *zip(*cases, strict=True)))
    return part_of(late, ended, stopped(RESTING))


def part_of(late: Sequence[int], ended: Sequence[Ended], real: Stopped) -> Part:
    """Return the figures as a part of the scoreboard."""
    latest, longest = max(late), max(one.took for one in ended)
    unended = [one for one in ended if one.took < 0 or one.took > ENOUGH or one.broken]
    failed = sum(one.failed for one in ended)
    share = failed / max(1, failed + sum(one.resting for one in ended))
    figures: dict[str, object] = {
        "kills": len(late) + len(ended) + 1,
        "last_create_ms": latest,
        "resting_at_least": min(one.resting for one in ended),
        "longest_ms": longest,
        "cancel_errors": round(share, 3),
        "stopped": vars(real),
    }
    lines = ["| around the kill | resting | all ended after, s |", "|---|--:|--:|"]
    lines += [f"| {one.way} | {one.resting} | {one.took / 1_000:.1f} |" for one in ended]
    took = f"{real.took_ms / 1_000:.1f}"
    lines.append(f"| trader stopped, database locked, real time | {real.resting} | {took} |")
    lines += [f"- {one.way}: {text}" for one in ended for text in one.broken[:3]]
    lines += [f"- {text}" for text in real.broken]
    holds = latest <= TICK and not unended and real.holds(ENOUGH, RESTING)
    summary = (
        f"last create {latest} ms after the kill ({len(late)} kills); {RESTING} resting orders "
        f"with {share:.0%} cancel errors ended after at most {longest / 1_000:.0f} s, with the "
        f"trader stopped after {real.took_ms / 1_000:.1f} real s"
    )
    target = f"at most {TICK} ms; {RESTING} orders in at most {ENOUGH // 1_000} simulated s"
    return Part("kill", figures, target, holds, summary, lines)
