"""`mettle doctor`."""

from __future__ import annotations

import typer

from .context import invocation
from .output import Table

app = typer.Typer()


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Check the installation and the workspace; exit 1 if a check fails."""
    from ..checks import Verdict
    from ..examination import examine
    from ..places import find
    from ..settings import resolve

    call = invocation(ctx)
    options = call.options
    found = examine(
        lambda: find(options.home, options.config),
        lambda places: resolve(places, flags=call.flags(), profile=options.profile),
    )
    failed = [one for one in found if one.verdict is Verdict.FAILED]
    rows = [(one.verdict.value, one.name, one.detail, one.mend) for one in found]
    warned = sum(one.verdict is Verdict.WARNING for one in found)
    summary = f"{len(found)} checks, {len(failed)} failed, {warned} warnings"
    call.output.emit(
        "doctor",
        {"healthy": not failed, "checks": found},
        Table(("verdict", "check", "found", "mend"), rows),
        summary,
    )
    if failed:
        raise typer.Exit(1)
