"""What the verbs of `mettle research` print: one JSON value, and the same for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .context import Invocation
from .output import Cell, Table

if TYPE_CHECKING:
    from ...application.research import StressResult, SweepResult
    from ..research import Validation


def show_validation(call: Invocation, found: Validation) -> None:
    """Print a cross-validation: paths, splits and the verdict."""
    from ...application.backtest.words import Unit, interval, write

    result, verdict, plan = found.result, found.verdict, found.result.plan
    for one in result.ground.warnings:
        call.output.warn(one)
    if result.ground.panel.synthetic:
        call.output.warn("these bars are SYNTHETIC")
    splits: list[tuple[Cell, ...]] = [
        (
            one.split.number + 1,
            " ".join(str(group + 1) for group in one.split.groups),
            f"{one.split.kept / one.split.nominal:.0%}",
            one.agent,
            one.inside,
            one.outside,
        )
        for one in result.splits
    ]
    paths: list[tuple[Cell, ...]] = [
        (
            number + 1,
            write(one.total_return, Unit.SHARE),
            write(one.sharpe.value, Unit.RATIO),
            interval(one.sharpe, Unit.RATIO),
            write(one.max_drawdown, Unit.SHARE),
            one.trades,
        )
        for number, one in enumerate(result.paths)
    ]
    document = {
        "plan": plan,
        "members": found.members,
        "splits": [
            {
                "groups": one.split.groups,
                "training": [list(span) for span in one.split.training],
                "tests": [list(span) for span in one.split.tests],
                "kept": one.split.kept / one.split.nominal,
                "agent": one.agent,
                "inside": one.inside,
                "outside": one.outside,
            }
            for one in result.splits
        ],
        "paths": [
            {
                "total_return": one.total_return,
                "sharpe": one.sharpe.to_dict(),
                "max_drawdown": one.max_drawdown,
                "trades": one.trades,
            }
            for one in result.paths
        ],
        "losing_paths": result.losing_paths,
        "verdict": verdict.to_dict(),
    }
    call.output.emit(
        "research.cpcv",
        document,
        verdict.words,
        f"{result.losing_paths} of {len(result.paths)} paths lost; purged {plan.horizon} bars "
        f"before, {plan.lookback} + {plan.embargo} after each test",
        Table(
            ("path", "return", "Sharpe a year", "interval", "drawdown", "trades"), paths, "paths"
        ),
        Table(
            ("split", "tests", "kept", "chosen", "Sharpe a bar inside", "outside"),
            splits,
            "splits",
        ),
        *map(str, verdict.criteria),
    )


def show_sweep(call: Invocation, found: SweepResult, top: int) -> None:
    """Print a sweep: the best rules and what luck would bring."""
    from ...application.backtest.words import Unit, write

    for one in found.ground.warnings:
        call.output.warn(one)
    if found.ground.panel.synthetic:
        call.output.warn("these bars are SYNTHETIC")
    rows = [found.row(number) for number in found.order]
    document = {
        "rules": rows,
        "trials": found.trials,
        "bars": found.ground.stop - found.ground.first,
        "expected_best_sharpe_a_bar": found.expected_best,
        "deflated_sharpe": found.deflated,
    }
    shown: list[tuple[Cell, ...]] = [
        (
            row.name,
            write(row.total_return, Unit.SHARE),
            write(row.sharpe, Unit.RATIO),
            write(row.max_drawdown, Unit.SHARE),
            row.fills,
            row.fees,
        )
        for row in rows[:top]
    ]
    call.output.emit(
        "research.sweep",
        document,
        f"{len(rows)} rules over {found.ground.stop - found.ground.first:,} bars",
        Table(("rule", "return", "Sharpe a year", "drawdown", "fills", "fees"), shown, "best"),
        found.words,
    )
    call.output.note("next: mettle research cpcv ema-cross --grid … (bars not chosen on, PBO)")


def show_stress(call: Invocation, found: tuple[StressResult, ...]) -> None:
    """Print a stress test, scenario by scenario."""
    from ...application.backtest import to_summary
    from ...application.backtest.words import Unit, interval, write

    rows: list[tuple[Cell, ...]] = []
    for one in found:
        figures = one.result.metrics.returns
        rows.append(
            (
                one.scenario.name,
                write(figures.total_return.value, Unit.SHARE),
                write(figures.sharpe.value, Unit.RATIO),
                interval(figures.sharpe, Unit.RATIO),
                write(figures.max_drawdown.value, Unit.SHARE),
                one.result.metrics.trades,
                one.scenario.meaning,
            )
        )
    document = [
        {
            "scenario": one.scenario.name,
            "meaning": one.scenario.meaning,
            "ruined": one.result.run.ruined_at >= 0,
            "result": to_summary(one.result),
        }
        for one in found
    ]
    columns = ("scenario", "return", "Sharpe", "interval", "drawdown", "trades", "what happens")
    call.output.emit("research.stress", document, Table(columns, rows))
