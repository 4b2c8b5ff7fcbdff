"""`mettle models list|show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .context import invocation
from .output import Cell, Table, utc

if TYPE_CHECKING:
    from ...application.learning.manifest import PolicyManifest

app = typer.Typer(help="List and show models.", no_args_is_help=True)

_COLUMNS = ("model", "created", "symbols", "timeframe", "trained on", "frames", "data", "state")


@app.command(name="list")
def list_(ctx: typer.Context) -> None:
    """List every model, oldest first; each is verified against its hashes."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        lines = workspace.container.list_models().list()
    rows: list[tuple[Cell, ...]] = []
    for one in lines:
        if one.manifest is None:
            rows.append((one.name, None, None, None, None, None, None, f"damaged: {one.problem}"))
        else:
            rows.append(_row(one.manifest))
    data = [
        {
            "name": one.name,
            "sound": one.manifest is not None,
            "problem": one.problem,
            **(model_document(one.manifest) if one.manifest else {}),
        }
        for one in lines
    ]
    human = Table(_COLUMNS, rows) if rows else "no models yet; `mettle train -s NAME` makes one"
    call.output.emit("models.list", data, human)


@app.command()
def show(
    ctx: typer.Context, model: Annotated[str, typer.Argument(help="Name of the model.")]
) -> None:
    """Show one model: where it comes from, what it sees, how it was trained."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        manifest = workspace.model(model).manifest
        folder = workspace.resolved.models / model
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
    ]
    call.output.emit("models.show", document, Table(("", "value"), rows))


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
