"""What every verb gets from the options before it: the workspace, the settings, the output.

A verb asks for it like this::

    @app.command()
    def list_(ctx: typer.Context) -> None:
        call = invocation(ctx)
        rows = call.workspace().container.data.catalogue()
        call.output.emit("data.list", rows, Table(("symbol", "bars"), ...))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ...domain.errors import ConfigError
from .output import Output

if TYPE_CHECKING:
    from ..settings import Resolved
    from ..workspace import Workspace


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The options that may stand anywhere on the command line."""

    home: Path | None = None
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    profile: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    no_input: bool = False


class Invocation:
    """One call of the command line."""

    def __init__(self, options: GlobalOptions) -> None:
        self.options = options
        self.output = Output(json_wanted=options.json, quiet=options.quiet, verbose=options.verbose)

    def settings(self, flags: Mapping[str, object] | None = None) -> Resolved:
        """Return the settings of the workspace; ``flags`` (dotted keys) win over everything.

        Raises:
            NotFound: If there is no workspace.
            ConfigError: If a setting breaks a rule.
        """
        from ..places import find
        from ..settings import resolve

        places = find(self.options.home, self.options.config)
        return resolve(places, flags=self.flags(flags), profile=self.options.profile)

    def workspace(self, flags: Mapping[str, object] | None = None) -> Workspace:
        """Return the opened workspace; raises as :meth:`settings` does."""
        from ..workspace import Workspace

        return Workspace(self.settings(flags))

    def flags(self, flags: Mapping[str, object] | None = None) -> dict[str, object]:
        """Return what ``--set`` and ``flags`` say, by dotted key.

        Raises:
            ConfigError: If a ``--set`` is not KEY=VALUE.
        """
        found: dict[str, object] = {}
        for text in self.options.overrides:
            key, separator, value = text.partition("=")
            if not separator or not key:
                raise ConfigError(
                    f"--set needs KEY=VALUE, was {text!r}",
                    mend="for example --set simulation.slippage=0.001",
                )
            found[key.strip()] = value.strip()
        found.update({key: value for key, value in (flags or {}).items() if value is not None})
        return found


def invocation(ctx: typer.Context) -> Invocation:
    """Return the call that ``ctx`` belongs to."""
    found = ctx.find_object(Invocation)
    return found if found is not None else Invocation(GlobalOptions())
