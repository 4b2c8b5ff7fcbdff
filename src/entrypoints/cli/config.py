"""`mettle config show|check|set`."""

from __future__ import annotations

from typing import Annotated

import typer

from ...domain.errors import ConfigError
from ..places import Places, find
from ..settings import RISK_ORIGIN, known_keys, resolve
from ..settings.edit import edited, replace_file
from ..settings.layers import file_layer
from ..suggest import did_you_mean
from .context import invocation
from .output import Table

app = typer.Typer(help="Show, check and set the settings.", no_args_is_help=True)


@app.command()
def show(
    ctx: typer.Context,
    section: Annotated[str, typer.Argument(help="A section or a key; all if left out.")] = "",
    origin: Annotated[bool, typer.Option(help="Say where each value comes from.")] = False,
) -> None:
    """Show the settings in force; secrets are never among them."""
    call = invocation(ctx)
    found = call.settings()
    rows = [
        row
        for row in found.rows()
        if not section or row[0] == section or row[0].startswith(f"{section}.")
    ]
    if not rows:
        sections = {key.split(".")[0] for key, _, _ in found.rows()}
        mend = did_you_mean(section, [*sections, *known_keys()], "see `mettle config show`")
        raise ConfigError(f"no section or key {section!r}", mend=mend)
    columns = ("key", "value", "origin") if origin else ("key", "value")
    data = [{"key": key, "value": value, "origin": where} for key, value, where in rows]
    table = Table(
        columns, [(key, _shown(value), where)[: len(columns)] for key, value, where in rows]
    )
    call.output.emit("config.show", {"file": found.places.config, "settings": data}, table)


@app.command()
def check(ctx: typer.Context) -> None:
    """Check the settings; exit 0 if all are right, 2 with the first that is not."""
    call = invocation(ctx)
    found = call.settings()
    own = sum(not origin.startswith(RISK_ORIGIN) for origin in found.origins.values())
    call.output.emit(
        "config.check",
        {"file": found.places.config, "set": own, "valid": True},
        f"{found.places.config}: valid, {own} of {len(found.rows())} keys set, the rest defaults",
    )


@app.command(name="set")
def set_(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="Dotted key, such as simulation.slippage.")],
    value: Annotated[str, typer.Argument(help="New value.")],
) -> None:
    """Set one key in mettle.toml; it is written only if the whole file stays valid."""
    call = invocation(ctx)
    places = find(call.options.home, call.options.config)
    if key not in known_keys() and not key.startswith("profiles."):
        mend = did_you_mean(key, known_keys(), "see `mettle config show` for all keys")
        raise ConfigError(f"unknown setting {key!r}", mend=mend)
    file_layer(places.config)  # refuses what is no TOML, before a line of it is changed
    text = edited(places.config.read_text(encoding="utf-8"), key, value)
    draft = places.config.with_name(f".{places.config.name}.draft")
    try:
        replace_file(draft, text)
        # Alone: what the environment says today must not decide what may be written.
        resolve(Places(places.home, draft, places.how), environment={})
    except ConfigError as error:
        raise ConfigError(
            error.message.partition(f" ({draft.name}")[0], mend="nothing was written"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    replace_file(places.config, text)
    found = call.settings()
    now, where = next((row[1], row[2]) for row in found.rows() if row[0] == key)
    if not where.startswith(places.config.name):
        call.output.warn(f"{key} is still {_shown(now)}, by {where}")
    call.output.emit("config.set", {"key": key, "value": now}, f"{key} = {_shown(now)}")


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
