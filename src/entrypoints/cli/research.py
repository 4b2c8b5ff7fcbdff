"""`mettle research cpcv|sweep|walk-forward|stress|lookahead|ensemble`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ...domain.errors import InvalidValue
from .context import Invocation, invocation
from .output import Cell, Table

if TYPE_CHECKING:
    from ...application.research import StressResult, SweepResult
    from ..market_data import MarketData
    from ..research import Validation
    from ..workspace import Workspace

app = typer.Typer(
    help="Ask whether a result is luck, knows the future, or survives trouble.",
    no_args_is_help=True,
)

NameArgument = Annotated[
    str, typer.Argument(metavar="MODEL|STRATEGY", help="Such as ema-cross:fast=10,slow=30.")
]
SymbolsOption = Annotated[
    str | None, typer.Option("--symbols", "-s", help="Such as BTC/USDT,ETH/USDT.")
]
TimeframeOption = Annotated[str | None, typer.Option("--timeframe", "-t", help="Such as 1h.")]
FromOption = Annotated[str | None, typer.Option("--from", help="First bar.")]
ToOption = Annotated[str | None, typer.Option("--to", help="End, not included.")]
CostsOption = Annotated[
    str | None,
    typer.Option("--cost-profile", help="own, binance, coinbase, alpaca, zero; NAME+stress."),
]
GridOption = Annotated[
    list[str] | None,
    typer.Option("--grid", help="Values of a strategy's parameter: fast=5,10,20. Repeat it."),
]
FramesOption = Annotated[
    int | None, typer.Option(help="Steps of each training of a model; its own if left out.")
]


@app.command()
def cpcv(
    ctx: typer.Context,
    name: NameArgument,
    grid: GridOption = None,
    symbols: SymbolsOption = None,
    timeframe: TimeframeOption = None,
    start: FromOption = None,
    stop: ToOption = None,
    costs: CostsOption = None,
    groups: Annotated[int, typer.Option(help="Groups that the period is cut into.")] = 6,
    tested: Annotated[int, typer.Option(help="Groups that each split tests.")] = 2,
    horizon: Annotated[
        int | None, typer.Option(help="Bars purged before a test; an episode, or 1, if left out.")
    ] = None,
    embargo: Annotated[
        int | None, typer.Option(help="Bars after a test and the look-back; 1 % if left out.")
    ] = None,
    frames: FramesOption = None,
    trials: Annotated[
        int | None, typer.Option(help="Trials ever started on these bars, if more than the grid.")
    ] = None,
) -> None:
    """Cross-validate: learn in every split, judge on bars that it has not seen; exit 1 on luck."""
    call = invocation(ctx)
    with _workspace(call, symbols, timeframe, start, stop, costs) as workspace:
        data = _data(workspace, name, symbols, timeframe)
        with call.output.progress(f"cpcv of {name}", 1.0) as advance:
            found = workspace.research.cpcv(
                name,
                data,
                grid=_grid(grid),
                groups=groups,
                tested=tested,
                horizon=horizon,
                embargo=embargo,
                frames=frames,
                trials=trials,
                on_progress=lambda done, of: advance(done / of, f"{done} of {of} splits"),
            )
    _show_validation(call, found)
    if not found.verdict.distinguishable:
        raise typer.Exit(1)


@app.command()
def sweep(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="STRATEGY", help="ema-cross.")],
    grid: GridOption = None,
    symbol: Annotated[str | None, typer.Option("--symbols", "-s", help="One market.")] = None,
    timeframe: TimeframeOption = None,
    start: FromOption = None,
    stop: ToOption = None,
    costs: CostsOption = None,
    trials: Annotated[
        int | None, typer.Option(help="Rules ever tried on these bars, if more than the grid.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 10,
) -> None:
    """Play a whole grid at once, and say how much of the best is mere selection."""
    call = invocation(ctx)
    with _workspace(call, symbol, timeframe, start, stop, costs) as workspace:
        data = _data(workspace, name, symbol, timeframe)
        found = workspace.research.sweep(name, data, grid=_grid(grid), trials=trials)
    _show_sweep(call, found, top)


@app.command(name="walk-forward")
def walk_forward(
    ctx: typer.Context,
    name: NameArgument,
    grid: GridOption = None,
    symbols: SymbolsOption = None,
    timeframe: TimeframeOption = None,
    start: FromOption = None,
    stop: ToOption = None,
    costs: CostsOption = None,
    train_span: Annotated[str, typer.Option(help="Training before each window.")] = "180d",
    test_span: Annotated[str, typer.Option(help="Length of a window.")] = "30d",
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Training always begins at the first bar.")
    ] = False,
    embargo: Annotated[int, typer.Option(help="Bars between training and window.")] = 0,
    frames: FramesOption = None,
) -> None:
    """Choose or train anew before each window, and judge the joined windows."""
    from ...application.backtest import WalkForward
    from .backtest import bars_in, show_result

    call = invocation(ctx)
    with _workspace(call, symbols, timeframe, start, stop, costs) as workspace:
        data = _data(workspace, name, symbols, timeframe)
        manifest = workspace.agent(name).manifest
        bar = data.panel.timeframe.milliseconds
        plan = WalkForward(
            bars_in(train_span, bar),
            bars_in(test_span, bar),
            anchored,
            manifest.episode_length if manifest is not None else 1,
            embargo,
        )
        result = workspace.research.walk_forward(
            name, data, plan=plan, grid=_grid(grid), frames=frames
        )
    show_result(call, result, None)


@app.command()
def stress(
    ctx: typer.Context,
    name: NameArgument,
    scenarios: Annotated[
        str, typer.Option(help="Such as crash,fees; all if left out.", metavar="NAMES")
    ] = "",
    symbols: SymbolsOption = None,
    timeframe: TimeframeOption = None,
    start: FromOption = None,
    stop: ToOption = None,
    costs: CostsOption = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Accept bars that the model was trained on.")
    ] = False,
) -> None:
    """Backtest under dearer, crashing, jumping, broken and generated markets."""
    call = invocation(ctx)
    with _workspace(call, symbols, timeframe, start, stop, costs) as workspace:
        data = _data(workspace, name, symbols, timeframe)
        wanted = [one.strip() for one in scenarios.split(",") if one.strip()]
        found = workspace.research.stress(name, data, wanted, allow_overlap=allow_overlap)
    _show_stress(call, found)


@app.command()
def lookahead(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL|STRATEGY]", help="The settings' features if left out."),
    ] = None,
    symbols: SymbolsOption = None,
    timeframe: TimeframeOption = None,
    start: FromOption = None,
    stop: ToOption = None,
    cuts: Annotated[int, typer.Option(help="How many times the bars are cut short.")] = 16,
) -> None:
    """Test that nothing at a bar knows a later one; exit 1 if something does."""
    call = invocation(ctx)
    with _workspace(call, symbols, timeframe, start, stop, None) as workspace:
        data = _data(workspace, name, symbols, timeframe)
        found = workspace.research.lookahead(name, data, cuts=cuts)
    leaks = [*map(str, found.leaks), *map(str, found.decisions)]
    what = f"{len(found.features)} features" + ("" if name is None else f" and decisions of {name}")
    words = f"{what}, {cuts} cuts: " + ("nothing knows the future" if found.clean else "LEAKS")
    document = {"features": found.features, "clean": found.clean, "leaks": leaks, "cuts": cuts}
    call.output.emit("research.lookahead", document, words, *leaks)
    if not found.clean:
        raise typer.Exit(1)


@app.command()
def ensemble(
    ctx: typer.Context,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    top: Annotated[int, typer.Option(help="Members, best lower bound of the Sharpe first.")] = 3,
) -> None:
    """Join the best trials of a study into one agent: the mean of their actions."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.research.ensemble(study, top)
    rows: list[tuple[Cell, ...]] = list(zip(found.members, found.bounds, strict=True))
    agreed = "unknown" if found.agreement is None else f"{found.agreement:.2f}"
    call.output.emit(
        "research.ensemble",
        found,
        Table(("member", "lower bound of the Sharpe a bar"), rows),
        f"mean agreement {agreed} of 1 over the study's bars",
        f"name: {found.name}",
    )
    call.output.note(f"next: mettle backtest '{found.name}'")


def _workspace(
    call: Invocation,
    symbols: str | None,
    timeframe: str | None,
    start: str | None,
    stop: str | None,
    costs: str | None,
) -> Workspace:
    return call.workspace(
        {
            "market.symbols": symbols,
            "market.timeframe": timeframe,
            "backtest.from": start,
            "backtest.to": stop,
            "backtest.cost_profile": costs,
        }
    )


def _data(
    workspace: Workspace, name: str | None, symbols: str | None, timeframe: str | None
) -> MarketData:
    """Return the bars asked for; a model brings its own symbols and timeframe."""
    chosen = None if name is None else workspace.agent(name)
    first, last = workspace.settings.backtest.milliseconds
    return workspace.data.get(
        chosen.symbols if chosen is not None and symbols is None else None,
        chosen.timeframe if chosen is not None and timeframe is None else None,
        start=first,
        stop=last,
    )


def _grid(texts: list[str] | None) -> dict[str, list[int | bool | str]]:
    grid: dict[str, list[int | bool | str]] = {}
    for text in texts or []:
        key, equals, values = text.partition("=")
        chosen: list[int | bool | str] = [one.strip() for one in values.split(",") if one.strip()]
        if not equals or not chosen:
            raise InvalidValue(f"{text!r} is no grid", mend="write it as --grid fast=5,10,20")
        grid[key.strip()] = chosen
    return grid


def _show_validation(call: Invocation, found: Validation) -> None:
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


def _show_sweep(call: Invocation, found: SweepResult, top: int) -> None:
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


def _show_stress(call: Invocation, found: tuple[StressResult, ...]) -> None:
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
