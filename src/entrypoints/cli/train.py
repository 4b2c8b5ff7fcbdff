"""`mettle train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .context import invocation
from .models import kind_of, model_document, trained_on
from .output import Advance, Cell, Table, utc

if TYPE_CHECKING:
    from ...application.learning.manifest import PolicyManifest
    from ...application.ports.trainer import TrainingProgress
    from ..workspace import Workspace

app = typer.Typer()


@app.command()
def train(
    ctx: typer.Context,
    study: Annotated[str, typer.Option("--study", "-s", help="Name of the study and its model.")],
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="Such as BTC/USDT,ETH/USDT.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Such as 1h.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First date, UTC.")] = None,
    stop: Annotated[str | None, typer.Option("--to", help="First date after, UTC.")] = None,
    learner: Annotated[
        str | None,
        typer.Option(help="sb3; the same PPO in native threads: native; on tensors: torch."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, or cuda: the learners sb3 and torch on a GPU.")
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Environment steps to take.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    window: Annotated[int | None, typer.Option(help="Bars of features in one observation.")] = None,
    gaps: Annotated[str | None, typer.Option(help="refuse, segment or hold.")] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Frames between checkpoints; 0 is none.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Try many sets of parameters: a campaign, as `study run`.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes of a campaign.")] = None,
    retries: Annotated[
        int | None, typer.Option(help="Attempts of a trial after running out of memory.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a model of that name.")
    ] = False,
) -> None:
    """Train a model on the workspace's candles; only bars before --to are seen."""
    call = invocation(ctx)
    flags: dict[str, object] = {
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "training.from": start,
        "training.to": stop,
        "training.learner": learner,
        "training.device": device,
        "training.frames": frames,
        "training.seed": seed,
        "training.window": window,
        "training.gaps": gaps,
        "training.checkpoint_every": checkpoint_every,
    }
    if trials is not None:
        from .study import campaign

        more = {
            "campaign.trials": trials,
            "campaign.workers": workers,
            "campaign.retries": retries,
        }
        campaign(call, study, "ppo", flags | more, resume=resume)
        return
    with call.workspace(flags) as workspace:
        first, last = workspace.settings.training.milliseconds
        data = workspace.data.get(start=first, stop=last)
        total = workspace.settings.training.frames
        call.output.note(f"training {study} on {data!r}")
        if data.synthetic:
            call.output.warn("these bars are SYNTHETIC")
        with call.output.progress(f"training {study}", total) as advance:
            try:
                made = workspace.train(
                    data,
                    study=study,
                    resume=resume,
                    replace=replace,
                    on_progress=lambda now: _show(now, advance),
                )
            except KeyboardInterrupt:
                every = workspace.settings.training.checkpoint_every
                raise KeyboardInterrupt(_kept(every)) from None
        manifest = made.best().manifest
        folder = workspace.resolved.models / study
        logs = workspace.resolved.runs / study
        later = _judgeable(workspace, manifest)
    rate = manifest.frames / made.seconds if made.seconds else 0.0
    rows: list[tuple[Cell, ...]] = [
        ("model", manifest.name),
        ("symbols", ", ".join(map(str, manifest.symbols))),
        ("trained on", trained_on(manifest)),
        ("frames", manifest.frames),
        ("seconds", round(made.seconds, 1)),
        ("frames/s", round(rate)),
        ("data", kind_of(manifest)),
        ("digest", manifest.digest[:16]),
        ("folder", str(folder)),
    ]
    document = {
        **model_document(manifest),
        "seconds": made.seconds,
        "frames_per_second": rate,
        "folder": folder,
        "logs": logs,
    }
    call.output.emit("train", document, Table(("", "value"), rows))
    begin = utc(manifest.period[1]).replace(" ", "T")
    if later:
        call.output.note(f"next: mettle backtest {study} --from {begin}")
    else:
        call.output.note(
            f"no bars from {begin} on are held: train with an earlier --to, or get them"
        )


def _judgeable(workspace: Workspace, manifest: PolicyManifest) -> bool:
    """Return whether bars are held that the model has not seen."""
    ends = [
        line.last
        for line in workspace.data.catalogue()
        if line.timeframe == manifest.timeframe and line.instrument.symbol in manifest.symbols
    ]
    return min(ends, default=0) > manifest.period[1]


def _show(now: TrainingProgress, advance: Advance) -> None:
    reward = "" if now.mean_reward is None else f", reward {now.mean_reward:+.4f}"
    text = f"{now.frames_per_second:,.0f} frames/s, {now.remaining_s:.0f} s left{reward}"
    advance(min(now.frames, now.total_frames), text)


def _kept(checkpoint_every: int) -> str:
    if checkpoint_every:
        return "the last checkpoint is kept, the same command with --resume goes on from it"
    return "no model was made; --checkpoint-every keeps what is done so far"
