"""`mettle data get|import|list|check|prepare|synth`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ...domain.errors import DataError, InvalidValue, NotFound
from ...domain.market import Symbol, Timeframe
from ..suggest import did_you_mean
from .context import Invocation, invocation

if TYPE_CHECKING:
    from ..workspace import Workspace

app = typer.Typer(
    help="Get, import, list, check, prepare and generate candles.", no_args_is_help=True
)

Lake = Annotated[
    Path | None, typer.Option("--lake", help="Another lake than the workspace's.", metavar="DIR")
]
Symbols = Annotated[
    list[str] | None, typer.Argument(help="Symbols, such as BTC/USDT; all held if left out.")
]
Replace = Annotated[bool, typer.Option(help="Put the new series in place of the held ones.")]


@app.command()
def get(
    ctx: typer.Context,
    symbols: Annotated[
        list[str] | None, typer.Argument(help="Symbols; those of the settings if left out.")
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option("--timeframe", "-t", help="1m 5m 15m 1h 4h 12h 1d.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="First date, UTC.", metavar="DATE")] = None,
    until: Annotated[str | None, typer.Option(help="Date after the last.", metavar="DATE")] = None,
    last: Annotated[
        str | None, typer.Option(help="Length back from now: 30d, 6mo, 2y; 6mo if left out.")
    ] = None,
    venue: Annotated[str | None, typer.Option(help="ccxt's name of the venue.")] = None,
    gaps: Annotated[bool, typer.Option(help="Ask again for what is missing inside.")] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="Scheme and host in place of the venue's own.", metavar="URL")
    ] = None,
    lake: Lake = None,
) -> None:
    """Download closed candles; run it again to go on where it stopped."""
    from ...application.data.download import DownloadRequest
    from ..market_data import as_ms, span_ms
    from .data_views import downloaded

    call = invocation(ctx)
    flags: dict[str, object] = {"market.venue": venue, "market.endpoint": endpoint}
    workspace = _workspace(call, lake, flags)
    market = workspace.settings.market
    grid = Timeframe.parse(timeframe or market.timeframe)
    if since is not None and last is not None:
        raise typer.BadParameter("--last counts back from the end, give it or --since, not both")
    stop = None if until is None else as_ms(until)
    now = workspace.container.clock().now_ms() if stop is None else stop
    start = now - span_ms(last or "6mo") if since is None else as_ms(since)
    if start >= now:
        raise InvalidValue(
            f"--since {since} must lie before {until or 'now'}", mend="swap or correct the dates"
        )
    wanted = [Symbol.parse(name) for name in symbols or market.symbols]
    use_case = workspace.container.download_bars()
    results = []
    for symbol in wanted:
        request = DownloadRequest(symbol, grid, start, stop, fill_gaps=gaps)
        with call.output.progress(f"{symbol} {grid}", 1.0) as advance:
            results.append(use_case(request, lambda done, total: advance(done / max(total, 1))))
    call.output.emit("data.get", *downloaded(results))


@app.command(name="import")
def import_(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(help="Files, folders or globs.")],
    symbol: Annotated[
        list[str] | None, typer.Option(help="The symbol; once for each group of a wide file.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Of the bars.")] = None,
    venue: Annotated[str, typer.Option(help="Where the bars were traded.")] = "",
    quote: Annotated[str, typer.Option(help="Quote currency where only the base is named.")] = "",
    keep: Annotated[
        Literal["refuse", "first", "last"], typer.Option(help="Of two bars for one instant.")
    ] = "refuse",
    bad: Annotated[
        Literal["refuse", "drop"], typer.Option(help="Rows that cannot be a bar.")
    ] = "refuse",
    absent: Annotated[
        Literal["missing", "empty"], typer.Option(help="What an absent row means.")
    ] = "missing",
    stamps: Annotated[
        Literal["auto", "open", "close"], typer.Option(help="Which end of the bar a time names.")
    ] = "auto",
    columns: Annotated[
        str, typer.Option(help="Order of unnamed prices, such as open,close,high,low.")
    ] = "",
    tick: Annotated[str | None, typer.Option(help="The price step; inferred if left out.")] = None,
    lot: Annotated[str | None, typer.Option(help="The quantity step; inferred.")] = None,
    replace: Replace = False,
    lake: Lake = None,
) -> None:
    """Import Parquet, Feather, CSV or JSON; says what it mended, refuses what is not certain."""
    from ...application.ports.bar_files import Absent, BadRows, ImportOptions, Keep, Stamps
    from ...domain.money import exact
    from .data_views import imported

    call = invocation(ctx)
    workspace = _workspace(call, lake)
    options = ImportOptions(
        symbols=tuple(map(Symbol.parse, symbol or ())),
        timeframe=Timeframe.parse(timeframe) if timeframe else None,
        venue=venue,
        quote=quote,
        keep=Keep(keep),
        bad=BadRows(bad),
        absent=Absent(absent),
        stamps=Stamps(stamps),
        columns=tuple(part.strip() for part in columns.split(",")) if columns else (),
        tick=None if tick is None else exact(tick, "tick"),
        lot=None if lot is None else exact(lot, "lot"),
    )
    use_case = workspace.container.import_bars()
    with call.output.progress("import", 1.0) as advance:
        report = use_case(
            files,
            options,
            replace=replace,
            on_file=lambda at, total, path: advance(at / total, path.name),
        )
        advance(1.0)
    call.output.emit("data.import", *imported(report))
    if report.refusals:
        for one in report.refusals:
            where = "" if str(one.path) in one.error.message else f"{one.path}: "
            call.output.warn(f"refused: {where}{one.error}")
        count = len(report.refusals)
        raise DataError(
            f"{count} file{'s' if count > 1 else ''} refused, "
            f"{len({line.path for line in report.lines})} imported",
            mend="each refusal above names what mends it",
        )


@app.command(name="list")
def list_(ctx: typer.Context, lake: Lake = None) -> None:
    """List what the lake holds."""
    from .data_views import catalogue

    call = invocation(ctx)
    workspace = _workspace(call, lake)
    found = workspace.container.bars().catalogue()
    call.output.emit("data.list", *catalogue(found, workspace.resolved.data))


@app.command()
def check(
    ctx: typer.Context,
    symbols: Symbols = None,
    timeframe: Annotated[
        str | None, typer.Option("--timeframe", "-t", help="One only; all if left out.")
    ] = None,
    allow_missing: Annotated[
        float, typer.Option(help="Share of missing bars, in percent, that is no problem.", min=0)
    ] = 0.0,
    lake: Lake = None,
) -> None:
    """Report gaps, spikes and still stretches; exit 1 if something speaks against using it."""
    from ...application.data.check import check_bars
    from .data_views import checked

    call = invocation(ctx)
    store = _workspace(call, lake).container.bars()
    wanted = [Symbol.parse(name) for name in symbols or ()]
    grid = Timeframe.parse(timeframe) if timeframe else None
    held = store.catalogue()
    chosen = [
        line
        for line in held
        if (not wanted or line.instrument.symbol in wanted)
        and (grid is None or line.timeframe == grid)
    ]
    found = {line.instrument.symbol for line in chosen}
    for symbol in wanted:
        if symbol not in found:
            names = [str(line.instrument.symbol) for line in held]
            raise NotFound(
                f"no {f'{grid} ' if grid else ''}bars of {symbol} are held",
                mend=did_you_mean(str(symbol), names) or "see `mettle data list`",
            )
    if not chosen:
        raise NotFound("no bars are held", mend="`mettle data get`, `mettle data import FILE`")
    results = []
    for line in chosen:
        series = store.read(line.instrument.symbol, line.timeframe)
        results.append(check_bars(series, allow_missing / 100))
    call.output.emit("data.check", *checked(results))
    if not all(one.clean for one in results):
        raise typer.Exit(1)


@app.command()
def prepare(
    ctx: typer.Context,
    symbols: Symbols = None,
    timeframes: Annotated[
        list[str] | None,
        typer.Option("--timeframe", "-t", help="Wanted; each coarser one if left out."),
    ] = None,
    replace: Annotated[
        bool, typer.Option(help="Also overwrite series that were imported or downloaded.")
    ] = False,
    lake: Lake = None,
) -> None:
    """Make coarser bars of the finest held, complete ones only, with one hash over all."""
    from .data_views import prepared

    call = invocation(ctx)
    found = _workspace(call, lake).container.prepare_bars()(
        [Symbol.parse(name) for name in symbols or ()],
        [Timeframe.parse(label) for label in timeframes or ()],
        replace=replace,
    )
    call.output.emit("data.prepare", *prepared(found))


@app.command()
def synth(
    ctx: typer.Context,
    assets: Annotated[int, typer.Option(help="Number of assets.")] = 4,
    bars: Annotated[int, typer.Option(help="Bars of each.")] = 20_000,
    timeframe: Annotated[
        str | None, typer.Option("--timeframe", "-t", help="That of the settings if left out.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="That of the settings if left out.", min=0)
    ] = None,
    start: Annotated[str, typer.Option(help="Date of the first bar.", metavar="DATE")] = (
        "2020-01-01"
    ),
    perpetual: Annotated[bool, typer.Option(help="Perpetuals with funding.")] = False,
    mode: Annotated[
        Literal["market", "martingale", "planted"],
        typer.Option(help="Like the real market; without any edge; with a known one."),
    ] = "market",
    edge: Annotated[float, typer.Option(help="Planted drift, bp a bar.")] = 10.0,
    replace: Replace = False,
    lake: Lake = None,
) -> None:
    """Generate a synthetic market into the lake; it is marked synthetic for ever."""
    from ...application.ports.synthetic_market import SyntheticMode, SyntheticRequest
    from ..market_data import as_ms
    from .data_views import synthesised

    call = invocation(ctx)
    workspace = _workspace(call, lake, {"training.seed": seed})
    request = SyntheticRequest(
        assets=assets,
        bars=bars,
        timeframe=Timeframe.parse(timeframe or workspace.settings.market.timeframe),
        start_ms=as_ms(start),
        perpetual=perpetual,
        mode=SyntheticMode(mode),
        edge_bp=edge,
    )
    use_case = workspace.container.synthesise_bars()
    call.output.emit("data.synth", *synthesised(use_case(request, replace=replace)))


def _workspace(
    call: Invocation, lake: Path | None, flags: dict[str, object] | None = None
) -> Workspace:
    if lake is not None and lake.is_file():
        raise InvalidValue(f"--lake must be a folder, {lake} is a file")
    home = None if lake is None else str(lake.expanduser().absolute())
    return call.workspace({"workspace.data": home, **(flags or {})})
