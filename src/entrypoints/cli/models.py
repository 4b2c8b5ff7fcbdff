"""`mettle models`: list and show here, the other verbs in files of their own."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import model_files, model_registry
from .context import invocation
from .model_registry import attempt_document, attempts_table
from .output import Cell, Table, utc

if TYPE_CHECKING:
    from ...application.learning.manifest import PolicyManifest
    from ..workspace import Workspace

app = typer.Typer(
    help="List, show, rank, compare, promote, move and verify models.", no_args_is_help=True
)

_COLUMNS = (
    "model", "created", "symbols", "timeframe", "trained on", "frames", "data", "state", "alias",
)  # fmt: skip


@app.command(name="list")
def list_(
    ctx: typer.Context,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Every attempt ever made, newest first.")
    ] = False,
    study: model_registry.Study = None,
    timeframe: model_registry.Frame = None,
    status: Annotated[
        str | None, typer.Option(help="training, completed, pruned, failed or deployed.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", help="At most so many.")] = None,
) -> None:
    """List every model held, oldest first, each verified; or every attempt ever made."""
    call = invocation(ctx)
    if attempts or study or timeframe or status or limit is not None:
        with call.workspace() as workspace:
            found = workspace.registry.list(
                study=study, status=status, timeframe=timeframe, limit=limit
            )
        documents = [attempt_document(one) for one in found]
        call.output.emit("models.attempts", documents, attempts_table(found))
        return
    with call.workspace() as workspace:
        lines = workspace.container.list_models().list()
        aliases = _aliases(workspace)
    rows: list[tuple[Cell, ...]] = []
    for one in lines:
        alias = ", ".join(aliases.get(one.name, ())) or None
        if one.manifest is None:
            state = f"damaged: {one.problem}"
            rows.append((one.name, None, None, None, None, None, None, state, alias))
        else:
            rows.append((*_row(one.manifest), alias))
    data = [
        {
            "name": one.name,
            "sound": one.manifest is not None,
            "problem": one.problem,
            "aliases": aliases.get(one.name, []),
            **(model_document(one.manifest) if one.manifest else {}),
        }
        for one in lines
    ]
    human = Table(_COLUMNS, rows) if rows else "no models yet; `mettle train -s NAME` makes one"
    call.output.emit("models.list", data, human)


@app.command()
def show(
    ctx: typer.Context, model: Annotated[str, typer.Argument(help="Name or alias of the model.")]
) -> None:
    """Show one model: where it comes from, what it sees, how it was trained."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        manifest = workspace.model(model).manifest
        folder = workspace.resolved.models / manifest.name
        record = workspace.container.registrar().of(manifest)
        aliases = _aliases(workspace).get(manifest.name, [])
    document = {
        **model_document(manifest),
        "folder": folder,
        "data_hash": manifest.data_hash,
        "code_version": manifest.code_version,
        "features": list(manifest.feature_set.names),
        "feature_set_hash": manifest.feature_set.hash,
        "window": manifest.window,
        "network": {"sizes": list(manifest.sizes), "activation": manifest.activation},
        "settings": manifest.settings.to_dict(),
        "ppo": asdict(manifest.ppo),
        "episode_length": manifest.episode_length,
        "files": {name: asdict(one) for name, one in manifest.files.items()},
        "aliases": aliases,
        "registry": None if record is None else attempt_document(record),
    }
    rows: list[tuple[Cell, ...]] = [
        ("model", manifest.name),
        ("created", utc(manifest.created_at)),
        ("symbols", ", ".join(map(str, manifest.symbols))),
        ("timeframe", manifest.timeframe.label),
        ("trained on", trained_on(manifest)),
        ("data", f"{kind_of(manifest)}, {manifest.data_hash[:16]}"),
        ("features", ", ".join(manifest.feature_set.names)),
        ("window", manifest.window),
        ("network", f"{' → '.join(map(str, manifest.sizes))}, {manifest.activation}"),
        ("frames", manifest.frames),
        ("seed", manifest.seed),
        *((f"training {name}", value) for name, value in manifest.metrics.items()),
        ("code", f"mettle {manifest.code_version}"),
        ("digest", manifest.digest),
        ("folder", str(folder)),
        ("alias", ", ".join(aliases) or None),
        ("registry", "not registered" if record is None else record.model_id),
        ("status", None if record is None else record.status.value),
        ("stage", None if record is None else record.stage or None),
        ("sharpe", None if record is None else record.figures.sharpe),
    ]
    call.output.emit("models.show", document, Table(("", "value"), rows))


for _name, _verb in (
    ("best", model_registry.best),
    ("compare", model_registry.compare),
    ("history", model_registry.history),
    ("promote", model_registry.promote),
    ("rollback", model_registry.rollback),
    ("gc", model_registry.collect),
    ("verify", model_files.verify),
    ("export", model_files.export),
    ("import", model_files.import_),
    ("trust", model_files.trust),
):
    app.command(name=_name)(_verb)


def _aliases(workspace: Workspace) -> dict[str, list[str]]:
    """Return the aliases of each model's name."""
    found: dict[str, list[str]] = {}
    for alias, model_id in workspace.registry.aliases().items():
        found.setdefault(workspace.registry.get(model_id).name, []).append(alias)
    return found


def _row(manifest: PolicyManifest) -> tuple[Cell, ...]:
    return (
        manifest.name,
        utc(manifest.created_at),
        ", ".join(map(str, manifest.symbols)),
        manifest.timeframe.label,
        trained_on(manifest),
        manifest.frames,
        kind_of(manifest),
        "sound",
    )


def trained_on(manifest: PolicyManifest) -> str:
    """Return the period of a model's training, in words."""
    return " to ".join(map(utc, manifest.period))


def kind_of(manifest: PolicyManifest) -> str:
    """Return what a model was trained on: real bars, or SYNTHETIC ones."""
    return "SYNTHETIC" if manifest.synthetic else "real"


def model_document(manifest: PolicyManifest) -> dict[str, Any]:
    """Return what every verb says of a model in JSON."""
    return {
        "name": manifest.name,
        "created_at": manifest.created_at,
        "symbols": list(map(str, manifest.symbols)),
        "timeframe": manifest.timeframe.label,
        "period": list(manifest.period),
        "synthetic": manifest.synthetic,
        "frames": manifest.frames,
        "seed": manifest.seed,
        "metrics": manifest.metrics,
        "digest": manifest.digest,
    }
