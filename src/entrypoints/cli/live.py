"""`mettle live run`."""

from __future__ import annotations

from typing import Annotated

import typer

from .context import invocation

app = typer.Typer(help="Trade with real money: dry runs first.", no_args_is_help=True)


@app.callback()
def live() -> None:
    """Trade with real money: dry runs first."""


@app.command()
def run(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A trained model.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="A rule, such as ema-cross:fast=12,slow=26.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Everything but the sending of orders.")
    ] = False,
    length: Annotated[
        str | None, typer.Option("--for", help="End after 1h, 3d …; else on Ctrl-C.")
    ] = None,
    venue: Annotated[str | None, typer.Option(help="As in market.venue.")] = None,
) -> None:
    """Run a model at a venue; this version has no venue to trade at, and says so."""
    from ...domain.errors import ConfigError, RefusedForSafety
    from ..market_data import span_ms

    call = invocation(ctx)
    if (model is None) == (strategy is None):
        raise typer.BadParameter("give either --model or --strategy")
    if length is not None:
        span_ms(length)
    with call.workspace({"market.venue": venue}) as workspace:
        workspace.agent(model or strategy or "")
        name = workspace.settings.market.venue
    paper = f"mettle paper run {'--model' if model else '--strategy'} {model or strategy}"
    if not dry_run:
        raise RefusedForSafety(
            f"no order can be sent to {name!r}: this version trades at no venue",
            mend=f"`{paper}` trades on paper",
        )
    raise ConfigError(
        f"a dry run needs a venue's live bars and quotes, and this version has none of {name!r}",
        mend=f"`{paper}` runs the same session over recorded bars",
    )
