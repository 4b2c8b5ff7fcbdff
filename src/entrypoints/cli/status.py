"""`mettle status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .account_views import account_kind, standing_document
from .context import invocation
from .output import Cell, Table, utc

if TYPE_CHECKING:
    from ...application.control import AccountStanding
    from ...application.journal import RunRecord
    from ..workspace import Workspace

app = typer.Typer()

_ACCOUNT_COLUMNS = ("account", "mode", "which means", "because of", "session", "discrepancies")
_SHOWN = 8
"""Lines of each table; `--json` has all series and models, and as many runs."""


@app.command()
def status(ctx: typer.Context) -> None:
    """Show data, models, runs, equity, and how each account stands, on one screen."""
    from ...application.ports.kill_switch import EVERY_ACCOUNT

    call = invocation(ctx)
    with call.workspace() as workspace:
        data, models, runs = _data(workspace), _models(workspace), _runs(workspace)
        accounts, home = _accounts(workspace), workspace.home
        killed = workspace.container.kill_switch().reason(EVERY_ACCOUNT)
    human: list[Table | str] = [f"workspace {home}"]
    if killed is not None:
        human.append(f"KILLED, everything: {killed}")
    empty = {
        "data": "no candles yet: `mettle data synth`, `mettle data import FILE`, `mettle data get`",
        "models": "no models yet: `mettle train -s NAME`",
        "runs": "no runs yet: `mettle paper run`",
    }
    for name, rows in (("data", data), ("models", models), ("runs", runs)):
        if not rows:
            human.append(empty[name])
            continue
        columns = list(rows[0])
        cells: list[list[Cell]] = [[row[one] for one in columns] for row in rows[:_SHOWN]]
        left = f", {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        human.append(Table(columns, cells, f"{name}: {len(rows)}{left}"))
    if accounts:
        lines = [_account_row(one) for one in accounts]
        human.append(Table(_ACCOUNT_COLUMNS, lines, f"accounts: {len(lines)}"))
    document = {
        "workspace": home,
        "killed": killed,
        "data": data,
        "models": models,
        "runs": runs,
        "accounts": [standing_document(one) for one in accounts],
    }
    call.output.emit("status", document, *human)


def _accounts(workspace: Workspace) -> list[AccountStanding]:
    """Return those of the newest runs that trade, or that something holds back."""
    from ...application.journal import RunStatus

    found = (workspace.standing(run.run_id) for run in workspace.container.journal().runs(_SHOWN))
    return [
        one
        for one in found
        if one.is_running
        or one.discrepancies
        or one.unknown
        or (one.causes and one.run is not None and one.run.status is not RunStatus.FINISHED)
        or (one.run is not None and one.run.status is RunStatus.RUNNING)
    ]


def _account_row(one: AccountStanding) -> list[Cell]:
    return [
        one.account,
        f"{account_kind(one)} {one.mode.name}",
        one.in_words,
        ", ".join(f"{cause.symbol} {cause.cause}".strip() for cause in one.causes) or None,
        one.lease.holder if one.is_running and one.lease is not None else "no session",
        len(one.discrepancies),
    ]


def _data(workspace: Workspace) -> list[dict[str, Cell]]:
    return [
        {
            "symbol": str(line.instrument.symbol),
            "timeframe": line.timeframe.label,
            "from": utc(line.first),
            "to": utc(line.last),
            "bars": line.bars,
            "missing": line.missing,
            "kind": _kind(synthetic=line.synthetic),
        }
        for line in workspace.data.catalogue()
    ]


def _models(workspace: Workspace) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    for line in reversed(workspace.container.list_models().list()):
        own = line.manifest
        rows.append(
            {
                "model": line.name,
                "created": utc(own.created_at) if own else None,
                "symbols": ", ".join(map(str, own.symbols)) if own else None,
                "timeframe": own.timeframe.label if own else None,
                "frames": own.frames if own else None,
                "kind": _kind(synthetic=own.synthetic) if own else None,
                "state": "sound" if own else f"damaged: {line.problem}",
            }
        )
    return rows


def _runs(workspace: Workspace) -> list[dict[str, Cell]]:
    journal, rows = workspace.container.journal(), list[dict[str, Cell]]()
    for run in journal.runs(_SHOWN):
        now = journal.standing(run.run_id)
        rows.append(
            {
                "run": run.run_id,
                "kind": run.kind.upper(),
                "agent": run.agent,
                "state": _state(workspace, run),
                "bar": None if now.mark is None else utc(now.mark.marked_at),
                "equity": f"{now.equity:.2f} {run.quote}",
                "change": None if now.change is None else f"{now.change:+.2%}",
                "fills": now.fills,
                "data": _kind(synthetic=run.synthetic),
            }
        )
    return rows


def _state(workspace: Workspace, run: RunRecord) -> str:
    if run.status.value == "running" and not workspace.at_work(run.run_id):
        return "running (no process)"
    return run.status.value


def _kind(*, synthetic: bool) -> str:
    return "SYNTHETIC" if synthetic else "real"
