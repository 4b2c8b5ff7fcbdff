"""`mettle research cpcv|sweep|walk-forward|stress|lookahead|ensemble`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ...domain.errors import InvalidValue
from .context import Invocation, invocation
from .output import Cell, Table
from .research_views import show_stress, show_sweep, show_validation

if TYPE_CHECKING:
    from ..market_data import MarketData
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
    show_validation(call, found)
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
    show_sweep(call, found, top)


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
    show_stress(call, found)


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
