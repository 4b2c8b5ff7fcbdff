"""The console script: global options, and the verbs, each loaded only when called.

``mettle --help`` imports no verb. A verb's module offers ``app``, a Typer application: with one
command it is that verb, with several it is a noun.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from ..suggest import did_you_mean
from .context import GlobalOptions, Invocation
from .errors import Interrupted, ReaderGone, guarded

if TYPE_CHECKING:  # the base of typer's contexts, which it does not export
    from typer._click import Context


class Verb(NamedTuple):
    """A top-level name: where it lives and what it does."""

    module: str
    help: str


VERBS: dict[str, Verb] = {
    "demo": Verb("demo", "Show the whole path offline, on a synthetic market, in a minute."),
    "init": Verb("init", "Make a workspace: a folder with mettle.toml."),
    "doctor": Verb("doctor", "Check the installation and the workspace; exit 1 on a failure."),
    "status": Verb("status", "Show data, models, runs and equity on one screen."),
    "config": Verb("config", "Show, check and set the settings."),
    "data": Verb("data", "Get, import, list, check, prepare and generate candles."),
    "train": Verb("train", "Train a model."),
    "study": Verb(
        "study", "Run campaigns of many trials: run, list, show, failures, resume, finish."
    ),
    "models": Verb("models", "List, rank, compare, promote, import and verify models."),
    "backtest": Verb("backtest", "Run a model or a strategy over history."),
    "research": Verb("research", "Ask whether it is luck, knows the future, survives trouble."),
    "paper": Verb("paper", "Trade on paper: run, status, health, pause, resume, stop."),
    "live": Verb("live", "Trade with real money, dry runs first: run, status, pause, stop …"),
    "orders": Verb("orders", "List and show orders."),
    "decisions": Verb("decisions", "List and show decisions and their reasons."),
    "risk": Verb("risk", "Show limits and breakers, reset a breaker or a kill."),
    "kill": Verb("kill", "Stop all trading now; asks nothing, needs no session."),
}

_FLAGS = ("--json", "--quiet", "-q", "--verbose", "-v", "--debug", "--no-input")
_COMPLETION = ("install_completion", "show_completion")
_VALUED = ("--home", "-C", "--config", "--set", "--profile")


class LazyGroup(TyperGroup):
    """Knows its verbs by name and one line; imports a verb's module when it is called."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002  the base class's
        """Return the verbs in the order of a first hour."""
        return list(VERBS)

    def get_command(self, ctx: Context, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002
        """Return a light stand-in, which is all that help and completion need."""
        verb = VERBS.get(cmd_name)
        return TyperCommand(cmd_name, help=verb.help) if verb else None

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401  whatever a verb returns
        """Run the verb; Ctrl-C leaves as :class:`Interrupted`, a closed pipe as its own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(str(error)) from error
        except BrokenPipeError as error:
            raise ReaderGone from error

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the verb itself.

        Raises:
            UsageError: If there is none of that name.
        """
        name = args[0]
        if name not in VERBS:
            if name.startswith("-"):
                return super().resolve_command(ctx, args)
            mend = did_you_mean(name, VERBS)
            ctx.fail(f"unknown verb {name!r}{' · ' + mend if mend else ''}")
        module = importlib.import_module(f".{VERBS[name].module}", __package__)
        module.app.rich_markup_mode = None  # as here
        command = typer.main.get_command(module.app)
        command.params = [one for one in command.params if one.name not in _COMPLETION]
        return name, command, args[1:]


app = typer.Typer(
    cls=LazyGroup,
    name="mettle",
    help="Take a trading agent from candles to real money, and make it prove its mettle.",
    epilog="Global options may stand anywhere. New here? Run `mettle demo`.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich would double the time of --help
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mettle {version('mettle-trader')}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    home: Annotated[
        Path | None, typer.Option("--home", "-C", help="The workspace's folder.", metavar="DIR")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A settings file elsewhere.", metavar="FILE"),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set one key for this call.", metavar="KEY=VALUE"),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="A named profile of settings.", metavar="NAME")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More notes.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask.")] = False,
    _shown: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take a trading agent from candles to real money, and make it prove its mettle."""
    ctx.obj = Invocation(
        GlobalOptions(
            home, config, tuple(overrides or ()), profile, json, quiet, verbose, debug, no_input
        )
    )


def hoist(arguments: Sequence[str]) -> list[str]:
    """Move global options to the front, wherever they stand before ``--``."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for one in waiting:
        if one == "--":
            rest.extend((one, *waiting))
        elif one in _FLAGS or one.startswith(tuple(f"{name}=" for name in _VALUED)):
            front.append(one)
        elif one in _VALUED:
            front.extend((one, *(value for value in (next(waiting, None),) if value is not None)))
        else:
            rest.append(one)
    return front + rest


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    ordered = hoist(arguments)
    return guarded(
        lambda: app(args=ordered, prog_name="mettle", standalone_mode=False),
        debug="--debug" in ordered,
    )


def _open_closed_streams() -> None:
    """Give streams that the caller closed (`>&-`) to /dev/null: a database must not become fd 2."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def run() -> None:
    """Run the console script; a request to end and a closed terminal count as Ctrl-C."""
    _open_closed_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` ignores, and goes on to
            signal.signal(number, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
