"""A worker under the faults of a plan: ``python -m tests.support.faulty_worker ORDER``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from mettle.entrypoints.campaign_worker import open_bench, pulse, read_order, serve
from tests.support.campaign_faults import FaultPlan, FaultyFiles, FaultyObjective, SaveCutter


def main(arguments: Sequence[str]) -> int:
    """Run a worker whose files and objective are faulty."""
    order, plan = read_order(arguments[0]), FaultPlan.from_environment()
    bench = open_bench(order)
    try:
        tools = bench.tools(pulse(order), order.lease_s)
        tools = replace(tools, files=FaultyFiles(tools.files, plan))
        objective = FaultyObjective(bench.objective(), plan)
        if plan.cuts and (number := plan.take("cut", plan.cuts)) is not None:
            SaveCutter(plan, number).install()
        serve(order, tools, objective)
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
