"""`mettle init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ...domain.errors import ConfigError
from ..places import CONFIG_NAME
from ..scaffold import make_workspace
from .context import invocation

app = typer.Typer()


@app.command()
def init(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Its folder; --home or this one if left out.")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", "-s", help="Such as BTC/USDT,ETH/USDT.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Such as 1h.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace mettle.toml.")] = False,
) -> None:
    """Make a workspace; what is there already is kept."""
    call = invocation(ctx)
    home = (folder or call.options.home or Path.cwd()).expanduser().absolute()
    asked = symbols is not None or timeframe is not None or call.options.profile is not None
    if (home / CONFIG_NAME).exists() and asked and not overwrite:
        raise ConfigError(
            f"{home / CONFIG_NAME} exists already, nothing was changed",
            mend="change a key with `mettle config set`, or replace the file with --overwrite",
        )
    found = make_workspace(
        home,
        symbols=[one.strip() for one in (symbols or "BTC/USDT,ETH/USDT").split(",")],
        timeframe=timeframe or "1h",
        profile=call.options.profile or "",
        overwrite=overwrite,
    )
    text = (
        "\n".join(f"made {path}" for path in found.made)
        or f"{home} is complete, nothing was changed"
    )
    call.output.emit("init", {"home": home, "made": found.made}, text)
    place = f"mettle -C {shlex.quote(str(home))} data"
    call.output.note(f"next: {place} import FILES, {place} get, or {place} synth")
