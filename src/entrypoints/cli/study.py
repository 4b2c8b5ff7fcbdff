"""`mettle study run|list|show|failures|resume|stop|finish`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .context import Invocation, invocation
from .output import Advance, Cell, Table, utc

if TYPE_CHECKING:
    from ...application.campaign.definition import CampaignDefinition
    from ...application.campaign.records import TrialAttempt
    from ...application.campaign.standing import Standing
    from ..study_report import StudyReport

app = typer.Typer(
    help="Run campaigns of many trials; list, show, resume, stop and finish them.",
    no_args_is_help=True,
)

_SHOWN = 10  # of the best trials
_FIGURES = ("sharpe", "total_return", "drawdown", "turnover", "trades")


@app.command()
def run(
    ctx: typer.Context,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="A rule strategy in the place of PPO.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Sets of parameters to try.")] = None,
    workers: Annotated[int | None, typer.Option(help="Workers that this command starts.")] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="Such as BTC/USDT,ETH/USDT.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Such as 1h.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First date, UTC.")] = None,
    stop: Annotated[str | None, typer.Option("--to", help="First date after, UTC.")] = None,
    objectives: Annotated[
        str | None, typer.Option(help="sharpe, or several of sharpe,drawdown,turnover.")
    ] = None,
    folds: Annotated[int | None, typer.Option(help="Walk-forward windows.")] = None,
    frames: Annotated[int | None, typer.Option(help="Environment steps of each fold.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    retries: Annotated[
        int | None, typer.Option(help="Attempts after running out of memory, at most 3.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds that one attempt may take.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Frames between checkpoints.")
    ] = None,
    runner: Annotated[
        str | None, typer.Option(help="local for processes, or ray for a cluster.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="auto, local, or HOST:PORT of the head.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on if there is one of that name.")
    ] = False,
) -> None:
    """Try many sets of parameters on the workspace's candles; nothing that is done is lost."""
    call = invocation(ctx)
    flags: dict[str, object] = {
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "training.from": start,
        "training.to": stop,
        "training.frames": frames,
        "training.seed": seed,
        "training.checkpoint_every": checkpoint_every,
        "campaign.trials": trials,
        "campaign.workers": workers,
        "campaign.objectives": objectives,
        "campaign.folds": folds,
        "campaign.retries": retries,
        "campaign.time_limit": time_limit,
        "campaign.runner": runner,
        "campaign.ray_address": ray_address,
    }
    campaign(call, study, strategy or "ppo", flags, resume=resume)


def campaign(
    call: Invocation, study: str, agent: str, flags: dict[str, object], *, resume: bool
) -> None:
    """Run a campaign and show it."""
    with call.workspace(flags) as workspace:
        total = workspace.settings.campaign.trials
        with call.output.progress(f"study {study}", total) as advance:
            report = _guarded(
                study,
                lambda: workspace.studies.run(
                    study,
                    agent=agent,
                    resume=resume,
                    on_standing=lambda now: _progress(now, advance),
                ),
            )
        _emit(call, "study.run", report)


@app.command()
def resume(
    ctx: typer.Context,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    workers: Annotated[int | None, typer.Option(help="Workers that this command starts.")] = None,
    trials: Annotated[int | None, typer.Option(help="More sets of parameters than before.")] = None,
    runner: Annotated[
        str | None, typer.Option(help="local for processes, or ray for a cluster.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="auto, local, or HOST:PORT of the head.")
    ] = None,
) -> None:
    """Go on with a study, as often as you like; other machines may do the same meanwhile."""
    call = invocation(ctx)
    flags: dict[str, object] = {
        "campaign.workers": workers,
        "campaign.trials": trials,
        "campaign.runner": runner,
        "campaign.ray_address": ray_address,
    }
    with call.workspace(flags) as workspace:
        total = workspace.studies.show(study).standing.trials
        with call.output.progress(f"study {study}", max(total, trials or 0)) as advance:
            report = _guarded(
                study,
                lambda: workspace.studies.resume(
                    study, on_standing=lambda now: _progress(now, advance)
                ),
            )
        _emit(call, "study.resume", report)


@app.command()
def stop(
    ctx: typer.Context, study: Annotated[str, typer.Argument(help="Name of the study.")]
) -> None:
    """Ask the study's workers, on every machine, to lay down their work; `resume` goes on."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        workspace.studies.stop(study)
    text = f"asked: the workers of {study} keep what they have; `mettle study resume {study}`"
    call.output.emit("study.stop", {"study": study, "stop_requested": True}, text)


@app.command()
def finish(
    ctx: typer.Context,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    candidates: Annotated[
        int, typer.Option(help="Trainings from different seeds, of which one is kept.")
    ] = 3,
) -> None:
    """Train the best settings on all but the unseen bars, and open those: once, and recorded."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        done = workspace.studies.finish(study, candidates=candidates)
    held = done.holdout
    rows: list[tuple[Cell, ...]] = [
        ("study", done.study),
        ("settings of trial", done.trial),
        ("model", done.model),
        ("learnt, Sharpe of a bar", ", ".join(f"{one:.4f}" for one in done.scores)),
    ]
    if held is not None:
        rows += [
            ("measured on", held.measured_on),
            ("sharpe", held.sharpe),
            ("sharpe, interval", _span(held.sharpe_low, held.sharpe_high)),
            ("total return", held.total_return),
            ("drawdown", held.max_drawdown),
            ("trades", held.trades),
        ]
    document = {
        "study": done.study,
        "trial": done.trial,
        "model": done.model,
        "digest": done.digest,
        "scores": list(done.scores),
        "chosen": done.chosen,
        "holdout": None if held is None else asdict(held),
    }
    call.output.emit("study.finish", document, Table(("", "value"), rows))


@app.command(name="list")
def list_(ctx: typer.Context) -> None:
    """List every study with its trials by status."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.studies.list()
    columns = ("study", "trials", "completed", "pruned", "failed", "running", "queued", "attempts")
    rows: list[tuple[Cell, ...]] = [
        (one.study, one.trials, *(_counts(one)[name] for name in columns[2:7]), one.attempts)
        for one in found
    ]
    human = Table(columns, rows) if rows else "no studies yet; `mettle study run NAME` begins one"
    call.output.emit("study.list", [_standing(one) for one in found], human)


@app.command()
def show(
    ctx: typer.Context, study: Annotated[str, typer.Argument(help="Name of the study.")]
) -> None:
    """Show a study: what it tried, its best trials, and whether they can be told from luck."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        _emit(call, "study.show", workspace.studies.show(study))


@app.command()
def failures(
    ctx: typer.Context, study: Annotated[str, typer.Argument(help="Name of the study.")]
) -> None:
    """Show failed attempts by class; exit 1 if a trial was lost."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.studies.show(study).failures
    columns = ("class", "attempts", "trials", "lost", "newest")
    rows: list[tuple[Cell, ...]] = [
        (one.error_class, one.attempts, one.trials, one.lost, one.example) for one in found
    ]
    human = Table(columns, rows) if rows else "no attempt has failed"
    call.output.emit("study.failures", found, human)
    if any(one.lost for one in found):
        raise typer.Exit(1)


def _guarded(study: str, run_it: Any) -> StudyReport:  # noqa: ANN401  a call without arguments
    try:
        report: StudyReport = run_it()
    except KeyboardInterrupt:
        kept = f"what was finished is kept; `mettle study resume {study}` goes on"
        raise KeyboardInterrupt(kept) from None
    return report


def _progress(now: Standing, advance: Advance) -> None:
    figures = now.best.figures if now.best is not None else {}
    best = figures.get("sharpe")
    left = "" if now.remaining_s is None else f", {now.remaining_s:.0f} s left"
    seen = "" if best is None else f", best {best:.4f} a bar"
    if best is None and figures:
        seen = ", best " + ", ".join(f"{name} {value:.6g}" for name, value in figures.items())
    failed = _counts(now)["failed"]
    lost = f", {failed} failed" if failed else ""
    advance(now.done, f"{now.done}/{now.trials} trials{left}{seen}{lost}")


def _counts(now: Standing) -> dict[str, int]:
    return {status.value: count for status, count in now.counts.items()}


def _standing(now: Standing) -> dict[str, object]:
    return {
        "study": now.study,
        "trials": now.trials,
        **_counts(now),
        "attempts": now.attempts,
        "remaining_s": now.remaining_s,
        "best": None if now.best is None else _trial(now.best),
    }


def _trial(one: TrialAttempt) -> dict[str, object]:
    return {
        "trial": one.number,
        "name": one.lineage,
        "status": one.status.value,
        "attempts": one.attempt,
        "parameters": dict(one.parameters),
        "figures": dict(one.figures),
        "seconds": one.seconds,
        "digest": one.digest,
        "error_class": one.error_class,
        "error": one.error,
    }


def _emit(call: Invocation, what: str, report: StudyReport) -> None:
    definition, now = report.definition, report.standing
    counts = _counts(now)
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    rows: list[tuple[Cell, ...]] = [
        ("study", definition.study),
        *(_tried(definition)),
        ("trials", f"{now.trials}: {said}"),
        ("attempts", now.attempts),
    ]
    if report.judged is not None:
        rows.append(("verdict", report.judged.words))
    bars = {
        "timeframe": definition.timeframe,
        "from": utc(definition.start_ms),
        "to": utc(definition.stop_ms),
    }
    document = {
        **_standing(now),
        "agent": definition.agent,
        "symbols": definition.symbols,
        **(bars if report.judged is not None else dict.fromkeys(bars)),
        "objectives": definition.objectives,
        "verdict": None if report.judged is None else report.judged.to_dict(),
        "rows": [_trial(one) for one in report.trials],
    }
    call.output.emit(what, document, Table(("", "value"), rows), _best(report))


def _tried(definition: CampaignDefinition) -> list[tuple[Cell, ...]]:
    if definition.senses:
        where = definition.function.get("file", "found only by the process that began it")
        pairs = zip(definition.senses, definition.objectives, strict=True)
        return [
            ("function", definition.function.get("name", "")),
            ("of", where),
            ("judged by", ", ".join(f"{sense} {name}" for sense, name in pairs)),
        ]
    return [
        ("agent", definition.agent),
        ("symbols", ", ".join(definition.symbols)),
        (
            "bars",
            f"{definition.timeframe}, {utc(definition.start_ms)} to {utc(definition.stop_ms)}",
        ),
        ("unseen", f"the last {definition.holdout:.0%}"),
        (
            "judged on",
            f"{definition.folds} walk-forward windows by {', '.join(definition.objectives)}",
        ),
    ]


def _best(report: StudyReport) -> Table | str:
    objectives = report.definition.objectives
    single = len(objectives) == 1
    done = [one for one in report.trials if one.status.value == "completed"]
    found = done if single else list(report.front)
    shown = report.definition.objectives if report.definition.senses else _FIGURES
    sign = 1 if report.definition.directions[0] == "maximize" else -1
    found = sorted(found, key=lambda one: -sign * (one.figures.get(objectives[0]) or 0.0))[:_SHOWN]
    if not found:
        return "no trial has completed"
    names = list(found[0].parameters)
    rows: list[tuple[Cell, ...]] = [
        (
            one.lineage,
            *(one.figures.get(name) for name in shown),
            *(_cell(one.parameters.get(name)) for name in names),
        )
        for one in found
    ]
    title = "best trials" if single else "trials that no other beats in every objective"
    return Table(("trial", *shown, *names), rows, title=title)


def _cell(value: object) -> Cell:
    return value if isinstance(value, int | float | str) else str(value)


def _span(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.2f} to {high:.2f}"
