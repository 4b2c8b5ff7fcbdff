"""A worker process of a campaign: ``python -m mettle.entrypoints.campaign_worker ORDER``.

The order is the JSON of a ``WorkOrder``. It is started by a runner, not by hand; it ends by itself
when nothing is left, on SIGTERM after laying down its work, and with the process that started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ..adapters.campaign.local_processes import PARENT
from ..adapters.campaign.pulse import ThreadPulse
from ..adapters.isolation.kernel import PR_SET_PDEATHSIG, prctl
from ..application.campaign.objective import Objective
from ..application.campaign.worker import TrialWorker, WorkerTools
from ..application.ports.trial_runner import WorkOrder
from ..domain.errors import NotFound
from .campaign_bench import CampaignBench
from .places import Places
from .settings import Resolved, Settings
from .settings.secrets import read_secrets
from .study_report import find_campaign
from .workspace import Workspace

BEATS = 5
"""Heartbeats a lease."""


def read_order(text: str) -> WorkOrder:
    """Return the order of a command line."""
    body = json.loads(text)
    return WorkOrder(**{**body, "home": Path(body["home"]), "config": Path(body["config"])})


def open_bench(order: WorkOrder) -> CampaignBench:
    """Open the campaign that an order is about.

    Raises:
        NotFound: If there is none of that name.
    """
    places = Places(order.home, order.config, "a work order")
    settings, secrets = (
        Settings.model_validate(order.settings),
        read_secrets(order.home, os.environ),
    )
    workspace = Workspace(Resolved(settings, places, secrets, {}))
    try:
        found = find_campaign(workspace, order.study)
        if found is None:
            raise NotFound(f"there is no study {order.study!r}", mend="see `mettle study list`")
        return CampaignBench(workspace, found.definition, threads=order.threads)
    finally:
        workspace.close()


def serve(order: WorkOrder, tools: WorkerTools, objective: Objective) -> int:
    """Work until nothing is left; return how many attempts were brought to their end."""
    worker = TrialWorker(tools, objective, order.worker)

    def lay_down(_number: int, _frame: FrameType | None) -> None:
        worker.stop()
        interrupt = getattr(objective, "interrupt", None)
        if interrupt is not None:  # a function of a user's may never look whether it is to stop
            interrupt()

    signal.signal(signal.SIGTERM, lay_down)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides
    return worker.run()


def pulse(order: WorkOrder) -> ThreadPulse:
    """Return the heartbeat of a worker that ends with its parent."""
    return ThreadPulse(order.lease_s / BEATS, parent=os.getppid())


def main(arguments: Sequence[str]) -> int:
    """Run a worker."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # at once, where the heartbeat would see it later
    if os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):
        return 0  # whoever started it died while it was loading
    order = read_order(arguments[0])
    bench = open_bench(order)
    try:
        serve(order, bench.tools(pulse(order), order.lease_s), bench.objective())
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
