"""`mettle models verify|export|import|trust`: the files of models, ours and strangers'."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...domain.errors import InvalidValue
from .context import Invocation, invocation
from .output import Cell, Table

if TYPE_CHECKING:
    from ...application.learning.take_over import TakenOver

_ISOLATED = (
    "a model of Stable-Baselines3 holds pickles, which can run whatever their author wrote: the "
    "file is read without running them, in a process without network, keys or any other file"
)


def verify(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Argument(help="One model; all if left out.")] = None,
) -> None:
    """Check hashes and signatures; exit 1 if a model is damaged, changed or not trusted."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.registry.verify(model)
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.problem or "sound", "yes" if one.registered else "no") for one in found
    ]
    call.output.emit("models.verify", list(found), Table(("model", "files", "registered"), rows))
    if any(one.problem for one in found):
        raise typer.Exit(1)


def export(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Name or alias of the model.")],
    to: Annotated[Path | None, typer.Option(help="The file; NAME.mettle if left out.")] = None,
) -> None:
    """Write a model with its signature to one file that another workspace can import."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        path = workspace.registry.export(model, to or Path(f"{model}.mettle"))
        key = workspace.container.keys().public()
    call.output.emit("models.export", {"model": model, "path": path, "key": key}, str(path))
    call.output.note(f"signed with {key}; who trusts keys/signing.pub can import it")


def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .mettle file, or a .zip of Stable-Baselines3.")],
    name: Annotated[str | None, typer.Option(help="Name of a model of another program.")] = None,
    vecnormalize: Annotated[
        Path | None, typer.Option(help="The vecnormalize.pkl that was saved with it.")
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="In the order of its actions.")] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Its bars.")] = None,
    window: Annotated[int | None, typer.Option(help="Bars of features it sees.")] = None,
    trained_from: Annotated[str | None, typer.Option(help="First training date, UTC.")] = None,
    trained_to: Annotated[str | None, typer.Option(help="First date after, UTC.")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Vouch for a .mettle file, whoever signed it.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Where it is from; it is recorded.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace one of that name.")] = False,
) -> None:
    """Take in a model from elsewhere; features and market of a foreign one are the settings'."""
    call = invocation(ctx)
    flags: dict[str, object] = {
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "training.window": window,
        "training.from": trained_from,
        "training.to": trained_to,
    }
    with call.workspace(flags) as workspace:
        if not workspace.registry.is_foreign(file):
            if trust and not reason.strip():
                raise InvalidValue("an act of trust needs a reason", mend="--reason …")
            made = workspace.registry.import_export(
                file, trust=trust, reason=reason, replace=replace
            )
            data = {"model": made.name, "digest": made.digest, "trusted": trust}
            call.output.emit("models.import", data, f"{made.name} is here, digest {made.digest}")
            return
        call.output.warn(_ISOLATED)
        first, last = workspace.settings.training.milliseconds
        taken = workspace.registry.import_foreign(
            file,
            name or file.stem.lower(),
            normaliser=vecnormalize,
            period=None if first is None or last is None else (first, last),
            reason=reason,
            replace=replace,
        )
    _tell(call, taken)


def _tell(call: Invocation, taken: TakenOver) -> None:
    for one in taken.warnings:
        call.output.warn(one)
    if taken.manifest.period[0] == 0:
        call.output.warn(
            "its training period is not known, so every bar until now counts as seen: state it "
            "with --trained-from and --trained-to to backtest on older ones"
        )
    data = {
        "model": taken.manifest.name,
        "id": taken.record.model_id,
        "digest": taken.manifest.digest,
        "program": taken.manifest.code_version,
        "difference": taken.difference,
        "probes": taken.probes,
        "warnings": list(taken.warnings),
        "protections": list(taken.protections),
    }
    rows: list[tuple[Cell, ...]] = [
        ("model", taken.manifest.name),
        ("made by", taken.manifest.code_version),
        ("actions as the original's", f"to {taken.difference:.1g} on {taken.probes} observations"),
        ("read behind", ", ".join(taken.protections)),
        ("digest", taken.manifest.digest),
    ]
    call.output.emit("models.import", data, Table(("", "value"), rows))


def trust(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(help="A model's name, or a file with a public key.")],
    reason: Annotated[str, typer.Option(help="Where it is from; it is recorded.")],
    key_name: Annotated[
        str | None, typer.Option("--key", help="Take WHAT for a public key, and call it so.")
    ] = None,
) -> None:
    """Vouch for a model that nobody trusted has signed, or for another workspace's key."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        if key_name is not None:
            path = workspace.registry.trust_key(what, key_name)
            call.output.emit("models.trust", {"key": key_name, "path": path}, f"{path} is trusted")
            return
        manifest = workspace.registry.trust(what, reason=reason)
    data = {"model": manifest.name, "digest": manifest.digest}
    call.output.emit("models.trust", data, f"{manifest.name} is signed as ours")
