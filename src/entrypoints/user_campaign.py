"""The Python face of campaigns over a user's own function: ``mettle.campaign``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..adapters.campaign.in_process import InProcess
from ..adapters.campaign.pulse import ThreadPulse
from ..adapters.campaign.user_function import SCRIPT, UserFunction, function_place
from ..application.campaign.definition import OBJECTIVE, CampaignDefinition
from ..application.campaign.standing import Standing
from ..application.campaign.worker import TrialWorker
from ..application.ports.trial_runner import TrialRunner, WorkOrder
from ..domain.errors import ConfigError, InvalidValue
from .campaign_bench import CampaignBench
from .study_report import StudyReport, find_campaign
from .workspace import Workspace, open_workspace

_BEATS = 5  # a lease
_SHIFT_MS = 1_000
"""A worker without a process hands back as often, so that the campaign can tell where it stands."""


def campaign(
    objective: UserFunction,
    study: str,
    *,
    workspace: Workspace | str | Path | None = None,
    trials: int = 100,
    direction: str | Mapping[str, str] = "minimize",
    workers: int | None = None,
    retries: int = 3,
    time_limit: float = 0.0,
    prune: bool = True,
    seed: int = 0,
    resume: bool = False,
    on_progress: Callable[[Standing], None] = lambda _now: None,
) -> StudyReport:
    """Run an Optuna objective as a campaign that loses nothing.

    A function that another process can import, from a module or a script, is tried by worker
    processes; any other one, such as a notebook's, one trial after the other in this process.

    Args:
        objective: Takes a trial of Optuna's and returns its value, or several. The trial also has
            ``save``, ``load``, ``folder``, ``attempt``, ``seed``, ``scale`` and ``check``.
        study: Its name.
        workspace: A workspace or its folder; as :func:`mettle.open` finds it if None.
        trials: How many sets of parameters are tried.
        direction: ``minimize`` or ``maximize``, or a direction for each value by its name.
        workers: Processes; as in the settings if None, 0 is none but this one.
        retries: Further attempts after running out of memory, or an error that may pass.
        time_limit: Seconds that an attempt may take, 0 is no limit.
        prune: Whether ``trial.should_prune()`` may say so (Optuna's median pruner).
        seed: Of the parameters that are drawn.
        resume: Whether to go on if there is one of that name; more trials may be asked for.
        on_progress: Called about once a second.

    Returns:
        The study: ``best``, ``trials``, ``failures`` by class, ``standing``.

    Raises:
        InvalidValue: If there is one of that name and it is not to be resumed, or processes are
            asked for that could not find the function.
        ConfigError: If the study of that name tries something else, or a figure breaks a rule.
        NotRunning: If workers end before they begin.
        KeyboardInterrupt: At Ctrl-C, after everything was laid down; ``resume=True`` goes on.
    """
    if SCRIPT in sys.modules and getattr(objective, "__module__", "") == SCRIPT:
        raise InvalidValue(
            "a worker that loads this script would begin the campaign again",
            mend='put the call under `if __name__ == "__main__":`',
        )
    place = function_place(objective)
    if workers and not place:
        raise InvalidValue(
            f"no other process could find {getattr(objective, '__qualname__', objective)!r}",
            mend="define it at the top of a module or script, or leave workers out",
        )
    names = {"value": direction} if isinstance(direction, str) else dict(direction)
    wanted = CampaignDefinition(
        study=study,
        agent=OBJECTIVE,
        trials=trials,
        symbols=(),
        timeframe="",
        start_ms=0,
        stop_ms=0,
        data_hash="",
        seed=seed,
        settings={},
        objectives=tuple(names),
        senses=tuple(names.values()),
        function=place,
        holdout=0.0,
        prune=prune,
        retries=retries,
        time_limit_s=time_limit,
    )
    with _opened(workspace) as opened:
        found = _begun(opened, wanted, resume=resume)
        runner = None if place and workers != 0 else _in_process(opened, found, objective)
        slots = workers or (None if runner is None else 1)
        return opened.studies.resume(
            study, workers=slots, runner=runner, trials=trials, on_standing=on_progress
        )


def _begun(workspace: Workspace, wanted: CampaignDefinition, *, resume: bool) -> CampaignDefinition:
    """Begin a campaign, or return that of its name if it tries the same."""
    held = find_campaign(workspace, wanted.study)
    if held is None:
        workspace.studies.begin(wanted)
        return wanted
    if not resume:
        raise InvalidValue(
            f"there is a study {wanted.study!r} already",
            mend="go on with it (resume=True), or choose another name",
        )
    found = held.definition
    kept = ("agent", "objectives", "senses", "function", "seed", "prune")
    for name in kept:
        if getattr(found, name) != getattr(wanted, name):
            raise ConfigError(
                f"study {wanted.study} was begun with {name} {getattr(found, name)!r}, "
                f"not {getattr(wanted, name)!r}",
                mend="go on with what it was begun with, or choose another name",
            )
    return found


@contextmanager
def _opened(workspace: Workspace | str | Path | None) -> Iterator[Workspace]:
    if isinstance(workspace, Workspace):
        yield workspace
        return
    with open_workspace(workspace) as opened:
        yield opened


def _in_process(
    workspace: Workspace, definition: CampaignDefinition, function: UserFunction
) -> TrialRunner:
    """Return a runner that tries the function in this process."""
    bench = CampaignBench(workspace, definition)
    objective = bench.user_objective(function)

    def work(order: WorkOrder) -> int:
        tools = bench.tools(ThreadPulse(order.lease_s / _BEATS), order.lease_s)
        return TrialWorker(tools, objective, order.worker).run(_SHIFT_MS)

    return InProcess(work, bench.close)
