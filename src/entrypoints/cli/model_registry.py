"""`mettle models best|compare|history|promote|rollback|gc`: what the registry knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .context import invocation
from .output import Cell, Table, utc

if TYPE_CHECKING:
    from ...application.learning.registry import ModelRecord

Name = Annotated[str, typer.Argument(help="Name, id or alias of the model.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]
Study = Annotated[str | None, typer.Option("--study", "-s", help="Only this study.")]
Frame = Annotated[str | None, typer.Option("--timeframe", "-t", help="Only this timeframe.")]

_FIGURES = ("sharpe", "sharpe_low", "sharpe_high", "total_return", "max_drawdown", "trades")
_COLUMNS = (
    "model", "id", "study", "trial", "status", "stage", "sharpe", "interval", "return", "drawdown",
    "trades", "measured on",
)  # fmt: skip


def best(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many.")] = 10,
    by: Annotated[
        str, typer.Option(help="sharpe, sharpe_low, total_return or max_drawdown.")
    ] = "sharpe",
    study: Study = None,
    timeframe: Frame = None,
) -> None:
    """Show the best models; exit 1 if none was measured."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.registry.best(limit, by=by, study=study, timeframe=timeframe)
    call.output.emit("models.best", [attempt_document(one) for one in found], attempts_table(found))
    if not found:
        call.output.note("no model has that figure yet; campaigns measure it")
        raise typer.Exit(1)


def compare(
    ctx: typer.Context,
    models: Annotated[list[str], typer.Argument(help="Two or more models.")],
) -> None:
    """Show models side by side; what differs is listed, what is the same is not."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        found = [workspace.registry.get(one) for one in models]
    documents = [attempt_document(one) for one in found]
    flat = [_flat(one) for one in documents]
    names = list(dict.fromkeys(name for one in flat for name in one))
    differing = [name for name in names if len({repr(one.get(name)) for one in flat}) > 1]
    rows: list[tuple[Cell, ...]] = [
        (name, *(_cell(one.get(name)) for one in flat)) for name in differing
    ]
    data = {"models": documents, "differing": differing}
    columns = ("", *(f"{one.name} {one.model_id}" for one in found))
    call.output.emit("models.compare", data, Table(columns, rows))


def history(ctx: typer.Context, model: Name) -> None:
    """Show what happened to a model: status, stages, aliases, trust; and where it comes from."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        record = workspace.registry.get(model)
        events = workspace.registry.history(model)
    rows: list[tuple[Cell, ...]] = [
        (
            utc(one.at),
            one.subject or one.kind.value,
            one.before or None,
            one.after or None,
            one.by,
            one.reason or None,
        )
        for one in events
    ]
    data = {"model": attempt_document(record), "events": list(events)}
    columns = ("time", "what", "before", "after", "by", "reason")
    title = f"{record.name} ({record.model_id})"
    if record.parents:
        title += f", from {', '.join(record.parents)}"
    call.output.emit("models.history", data, Table(columns, rows, title))


def promote(
    ctx: typer.Context,
    model: Name,
    alias: Annotated[
        str, typer.Option("--as", help="champion, challenger, or another alias.")
    ] = "champion",
    reason: Reason = "",
) -> None:
    """Give an alias to a model after verifying its files; who had it keeps its history."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        record = workspace.registry.promote(model, alias, reason=reason)
    data = {"alias": alias, "model": attempt_document(record)}
    call.output.emit("models.promote", data, f"{record.name} ({record.model_id}) is {alias}")


def rollback(
    ctx: typer.Context,
    alias: Annotated[str, typer.Argument(help="The alias to give back.")] = "champion",
    reason: Reason = "",
) -> None:
    """Give an alias back to the model that had it before."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        record = workspace.registry.rollback(alias, reason=reason)
    data = {"alias": alias, "model": attempt_document(record)}
    call.output.emit("models.rollback", data, f"{record.name} ({record.model_id}) is {alias} again")


def collect(
    ctx: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Remove; else only show.")] = False,
    keep_best: Annotated[int, typer.Option(help="The best of each study stay.")] = 3,
    keep_hours: Annotated[float, typer.Option(help="Younger models stay.")] = 24.0,
) -> None:
    """Show which models of campaigns nothing needs; remove them only with --apply."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        verdicts = workspace.registry.collect_garbage(apply=apply, best=keep_best, hours=keep_hours)
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.model_id or None, one.size, _fate(one.kept, removed=one.removed))
        for one in verdicts
    ]
    call.output.emit(
        "models.gc",
        {"applied": apply, "models": list(verdicts)},
        Table(("model", "id", "bytes", "what becomes of it"), rows),
    )
    garbage = [one for one in verdicts if not one.kept]
    size = sum(one.size for one in garbage)
    if garbage and not apply:
        call.output.note(f"{len(garbage)} models, {size:,} bytes: `mettle models gc --apply`")


def _fate(kept: str, *, removed: bool) -> str:
    if removed:
        return "removed"
    return f"kept: {kept}" if kept else "garbage"


def attempts_table(records: Sequence[ModelRecord]) -> Table:
    """Return attempts as a table."""
    rows: list[tuple[Cell, ...]] = []
    for one in records:
        figures = one.figures
        interval = None
        if figures.sharpe_low is not None and figures.sharpe_high is not None:
            interval = f"{figures.sharpe_low:.2f} to {figures.sharpe_high:.2f}"
        status = one.status.value if not one.error_class else f"failed: {one.error_class}"
        rows.append(
            (
                one.name,
                one.model_id,
                one.study,
                one.trial,
                status if one.collected_at is None else f"{status}, files removed",
                one.stage or None,
                figures.sharpe,
                interval,
                figures.total_return,
                figures.max_drawdown,
                figures.trades,
                figures.measured_on or None,
            )
        )
    return Table(_COLUMNS, rows)


def attempt_document(record: ModelRecord) -> dict[str, Any]:
    """Return what the registry knows of a model, in JSON."""
    from dataclasses import asdict

    return {
        **asdict(record),
        "status": record.status.value,
        "origin": record.origin.value,
        "symbols": list(record.symbols),
        "parents": list(record.parents),
    }


def _flat(document: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _cell(value: object) -> Cell:
    return value if isinstance(value, str | int | float) or value is None else str(value)
