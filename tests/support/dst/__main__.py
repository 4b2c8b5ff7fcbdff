"""Play one world again: ``python -m tests.support.dst --seed 7 --events 20000``."""

from __future__ import annotations

import argparse
import sys

from .campaign import Trial, shrink
from .kinds import KINDS
from .play import FAULTS, build, play, run


def main() -> int:
    """Play, print what broke and the last lines of the trace; exit 1 if something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.dst", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kind", default="mixed", choices=sorted(KINDS), metavar="KIND")
    parser.add_argument("--without", default="", help="faults switched off, by comma")
    parser.add_argument("--bug", default="", help="a planted bug")
    parser.add_argument("--unplanted", action="store_true", help="the bug's worlds without it")
    parser.add_argument("--no-calm", action="store_true", help="stop where the faults would end")
    parser.add_argument("--shrink", action="store_true", help="look for a smaller failing world")
    parser.add_argument("--tail", type=int, default=30, help="lines of the trace to print")
    chosen = parser.parse_args()
    without = tuple(one for one in chosen.without.split(",") if one)
    trial = Trial(
        chosen.seed,
        chosen.events,
        without,
        chosen.bug,
        chosen.kind,
        planted=not chosen.unplanted,
        calm=not chosen.no_calm,
    )
    if chosen.shrink:
        trial = shrink(play, trial, FAULTS)
    world = build(trial)
    report = run(world, trial)
    out = sys.stdout.write
    out("".join(world.scheduler.tail[-chosen.tail :] if chosen.tail else ()))
    for _, violation in report.broken[:10]:
        out(f"{violation}\n")
    rate = round(report.events / report.seconds) if report.seconds else 0
    out(f"{report.events} events, {rate}/s, {report.orders} orders, {report.fills} fills, ")
    out(f"{report.restarts} restarts, {len(report.broken)} violations, trace {world.trace}\n")
    if report.broken:
        out(f"again: {trial.command}\n")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
