"""`mettle demo`."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .context import invocation
from .output import utc

app = typer.Typer()


@app.command()
def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Its workspace; --home or ./mettle-demo if left out.")
    ] = None,
) -> None:
    """Show the whole path offline, on a synthetic market: data, training, backtest, paper."""
    begun = time.perf_counter()
    call = invocation(ctx)
    out = call.output
    home = (folder or call.options.home or Path("mettle-demo")).expanduser().absolute()
    from ..demonstration import MODEL, Demonstration, day, prepare

    with prepare(home) as workspace:
        out.tell("SYNTHETIC market, offline: nothing here says anything about a real one.")
        out.tell(f"workspace   {home}")
        total = workspace.settings.training.frames
        figures: dict[str, Any] = {}
        with out.progress("training", total) as advance:
            played = Demonstration(workspace, lambda now: advance(min(now.frames, total)))
            for number, step in enumerate(played.steps(), 1):
                out.tell(f"{number}/6 {step.name:<10} {step.seconds:6.1f} s  {step.lines[0]}")
                for line in step.lines[1:]:
                    out.tell(f"{'':<25}{line}")
                figures[step.name.replace(" ", "_")] = {"seconds": step.seconds, **step.figures}
        report, split = played.report, day(played.split_ms)
    place = shlex.quote(_short(home))
    following = (
        f"mettle -C {place} status",
        f"mettle -C {place} backtest ema-cross --from {split}",
        f"mettle -C {place} paper status --decisions 3",
    )
    seconds = time.perf_counter() - begun
    document = {
        "synthetic": True,
        "workspace": home,
        "model": MODEL,
        "tear_sheet": report,
        "seconds": seconds,
        "steps": figures,
        "next": following,
        "finished": utc(workspace.container.clock().now_ms()),
    }
    text = (
        f"\ndone in {seconds:.1f} s. RESULT (SYNTHETIC): {figures['backtest']['verdict']}",
        f"tear sheet: {report}",
        "try next:\n  " + "\n  ".join(following),
    )
    out.emit("demo", document, *text)


def _short(home: Path) -> str:
    here = Path.cwd()
    return str(home.relative_to(here)) if home.is_relative_to(here) else str(home)
