"""The Python face: the example of the reference, frames in and out, errors with codes, silence."""

from __future__ import annotations

from pathlib import Path

import mettle
import pandas as pd
import polars as pl
import pytest
from dependency_injector import providers
from mettle.adapters.system import SequentialIds
from mettle.application.ports.trainer import TrainingProgress
from mettle.domain.errors import ConfigError, DataError, InvalidValue, MettleError, NotFound
from mettle.entrypoints.container import ApplicationContainer
from mettle.entrypoints.market_data import MarketData, span_ms
from mettle.entrypoints.places import find
from mettle.entrypoints.settings import resolve
from mettle.entrypoints.workspace import Workspace
from tests.support.workspaces import BARS, MODEL, SYMBOLS, make_small_workspace, opened


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace that is made once."""
    folder = tmp_path_factory.mktemp("face") / "bot"
    make_small_workspace(folder)
    return folder


@pytest.fixture
def ws(home: Path) -> Workspace:
    """Return the workspace, opened."""
    return opened(home)


def frame(bars: int = 50, symbol: str | None = None) -> pl.DataFrame:
    """Return candles with the columns that everybody uses."""
    table = pl.DataFrame(
        {
            "timestamp": pl.datetime_range(
                pl.datetime(2024, 1, 1), pl.datetime(2025, 1, 1), "1h", time_zone="UTC", eager=True
            )[:bars],
            "open": [100.0 + i % 7 for i in range(bars)],
            "high": [108.5] * bars,
            "low": [99.25] * bars,
            "close": [101.0 + i % 5 for i in range(bars)],
            "volume": [12.5] * bars,
        }
    )
    return table if symbol is None else table.with_columns(symbol=pl.lit(symbol))


@pytest.mark.slow
def test_the_example_of_the_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Open, get, split, train, backtest, paper: as the reference shows it, without a word."""
    settings = {
        "training.ppo.environments": 16,
        "training.ppo.batch_size": 256,
        "training.episode_length": 32,
    }
    seen: list[TrainingProgress] = []
    ws = mettle.open(tmp_path / "my-bot", settings=settings)
    ws.data.synth(2, 900, "1h", keep=True)
    data = ws.data.get(["SYN1/USDT", "SYN2/USDT"], "1h", last="30d")
    train, test = data.split("2020-01-28")
    study = ws.train(train, study="ensemble_1h", frames=2048, on_progress=seen.append)
    result = ws.backtest(study.best(), test)
    assert result.sharpe_interval is None or result.sharpe_interval[0] <= result.sharpe_interval[1]
    assert len(result.trades) == len(result.trades.to_polars()) == len(result.trades.to_pandas())
    with ws.paper(study.best(), test) as run:
        decisions = run.decisions(limit=10)
        assert len(decisions) == 10
        assert all(one.action and one.why for one in decisions)
        assert run.equity == result.result.final_equity
    assert seen
    assert seen[-1].frames >= 2048
    assert [one.name for one in ws.models()] == ["ensemble_1h"]
    ws.close()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_the_second_part_of_a_split_is_warm(ws: Workspace) -> None:
    """The test part keeps what lies before it as history; a backtest starts at its first bar."""
    data = ws.data.get()
    train, test = data.split("2020-01-20")
    assert len(train) + len(test) == len(data) == BARS
    assert train.stop_ms == test.start_ms
    result = ws.backtest("ema-cross", test)
    assert int(result.equity.columns["time"][0]) == test.start_ms + 3_600_000
    assert not any("warm-up" in one for one in result.warnings)


def test_a_model_by_name_or_as_object(ws: Workspace) -> None:
    """Both give the same result, to the last unit."""
    _, test = ws.data.get().split("2020-01-15")
    by_name, by_object = (ws.backtest(one, test) for one in (MODEL, ws.model(MODEL)))
    assert by_name.result.final_equity == by_object.result.final_equity
    assert by_name.summary == by_object.summary


def test_other_settings_than_in_training_are_named(ws: Workspace) -> None:
    """The model was made at 7 bp of slippage; at 5 bp the result says so."""
    _, test = ws.data.get().split("2020-01-15")
    assert any(
        "slippage: trained at 700, now 500" in one for one in ws.backtest(MODEL, test).warnings
    )
    assert ws.backtest("ema-cross", test).differences == ()


def as_pandas(table: pl.DataFrame) -> pd.DataFrame:
    """Return the same in pandas, as a user without pyarrow has it."""
    return pd.DataFrame(table.to_dict(as_series=False))


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_frames_come_out_as_they_went_in(ws: Workspace, kind: str) -> None:
    """The same library comes back, with the same prices."""
    given = frame(symbol="BTC/USDT")
    data = ws.data.read(given if kind == "polars" else as_pandas(given))
    back = data.frame()
    assert isinstance(back, pl.DataFrame if kind == "polars" else pd.DataFrame)
    for column in ("open", "high", "low", "close", "volume"):
        assert list(back[column]) == pytest.approx(given[column].to_list())
    assert list(back["timestamp"]) == given["timestamp"].to_list()


def test_holes_of_a_pandas_frame_stay_holes(ws: Workspace) -> None:
    """A leading row of NaN is a missing bar, as it is in a file."""
    holed = as_pandas(frame()).astype({"volume": "object"})
    holed.loc[0, ["open", "high", "low", "close", "volume"]] = None
    assert len(ws.data.read(holed, symbol="BTC/USDT", timeframe="1h").to_polars()) == 49


def test_local_times_of_a_pandas_frame_become_utc(ws: Workspace) -> None:
    """An index in another time zone means the same moments."""
    local = as_pandas(frame())
    local["timestamp"] = local["timestamp"].dt.tz_convert("Asia/Tokyo")
    assert (
        ws.data.read(local, symbol="BTC/USDT").start_ms
        == ws.data.read(frame(), symbol="BTC/USDT").start_ms
    )


def test_a_pandas_index_of_times_is_understood(ws: Workspace) -> None:
    """Prices indexed by time need no timestamp column."""
    indexed = as_pandas(frame()).set_index("timestamp")
    assert len(ws.data.read(indexed, symbol="ETH-USDT", timeframe="1h")) == 50


def test_read_takes_a_file(ws: Workspace, tmp_path: Path) -> None:
    """A file is read without being kept."""
    path = tmp_path / "BTC_USDT-1h.parquet"
    frame().write_parquet(path)
    data = ws.data.read(path)
    assert data.symbols == ("BTC/USDT",)
    assert "BTC/USDT" not in {str(one.instrument.symbol) for one in ws.data.catalogue()}


def test_several_assets_in_one_frame(ws: Workspace) -> None:
    """A column symbol separates them."""
    both = pl.concat([frame(symbol="A/USDT"), frame(symbol="B/USDT")])
    data = ws.data.read(both)
    assert data.symbols == ("A/USDT", "B/USDT")
    assert len(data.to_polars()) == 100


def test_missing_bars_are_absent_rows(ws: Workspace) -> None:
    """A gap is no row, neither zero nor the last price."""
    data = ws.data.get("GAP/USDT")
    assert len(data) == BARS
    assert len(data.to_polars()) == BARS - 10
    with pytest.raises(DataError, match="missing"):
        ws.data.get("GAP/USDT", gaps="refuse")


@pytest.mark.parametrize(
    ("act", "kind", "said"),
    [
        (lambda ws: ws.data.get("SYN1/USDC"), NotFound, "SYN1/USDT"),
        (lambda ws: ws.data.get(timeframe="2h"), InvalidValue, "1m, 5m"),
        (lambda ws: ws.data.get(last="soon"), InvalidValue, "6mo"),
        (lambda ws: ws.data.get(last="1d", start="2020-01-01"), InvalidValue, "exclude"),
        (lambda ws: ws.data.get(start="2031-01-01"), NotFound, "no bars"),
        (lambda ws: ws.data.get().split("2031-01-01"), InvalidValue, "inside the period"),
        (lambda ws: ws.data.get().split("soon"), InvalidValue, "2024-01-31"),
        (lambda ws: ws.data.read({"open": [1]}), InvalidValue, "polars or pandas"),
        (lambda ws: ws.data.read(frame()), DataError, "symbol"),
        (lambda ws: ws.data.read("/none.csv"), NotFound, "none.csv"),
        (lambda ws: ws.model("stedy"), NotFound, "steady"),
        (lambda ws: ws.backtest("stedy", ws.data.get()), NotFound, "steady"),
        (lambda ws: ws.backtest(MODEL, ws.data.get("SYN2/USDT")), DataError, "trained on"),
        (lambda ws: ws.backtest(MODEL, ws.data.get()), InvalidValue, "trained"),
        (lambda ws: ws.paper("ema-cross", capital=0), InvalidValue, "positive"),
        (lambda ws: ws.paper("ema-cross", capital=0.5), InvalidValue, "Decimal"),
        (lambda ws: ws.train(ws.data.get(), study="no name"), InvalidValue, "a-z"),
        (lambda ws: ws.train(ws.data.get(), study=MODEL), InvalidValue, "already"),
    ],
)
def test_errors_are_typed_and_name_the_mend(
    ws: Workspace, act: object, kind: type[MettleError], said: str
) -> None:
    """The library raises what the command line would print, and nothing else."""
    with pytest.raises(kind) as caught:
        act(ws)  # type: ignore[operator]  # a call on the workspace
    assert said in str(caught.value)
    assert caught.value.exit_code in (2, 3)


def test_open_makes_what_is_not_there_and_spares_what_is(tmp_path: Path) -> None:
    """An absent or empty folder becomes a workspace; another one is refused and left alone."""
    assert mettle.open(tmp_path / "new").home == tmp_path / "new"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    with pytest.raises(NotFound, match="mettle init"):
        mettle.open(tmp_path / "photos")
    assert [one.name for one in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_open_without_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project upward of here, METTLE_HOME, else the user's own folder."""
    make = tmp_path / "project"
    mettle.open(make)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("METTLE_HOME", raising=False)
    monkeypatch.chdir(make / "data")
    assert mettle.open().home == make
    monkeypatch.chdir(tmp_path)
    assert mettle.open().home == tmp_path / "xdg" / "mettle"
    monkeypatch.setenv("METTLE_HOME", str(make))
    assert mettle.open().home == make


def test_settings_in_the_call_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program says is stronger than the environment."""
    monkeypatch.setenv("METTLE__TRAINING__SEED", "5")
    assert mettle.open(tmp_path / "a").settings.training.seed == 5
    assert mettle.open(tmp_path / "a", settings={"training.seed": 9}).settings.training.seed == 9
    with pytest.raises(ConfigError, match="seed"):
        mettle.open(tmp_path / "a", settings={"training.sead": 9})


def test_every_provider_resolves(home: Path) -> None:
    """The composition root can build each port's adapter and each use case."""
    container = ApplicationContainer(resolved=resolve(find(home), environment={}))
    built = {name: provider() for name, provider in container.providers.items()}
    assert all(one is not None for one in built.values())
    assert {"bars", "store", "artefacts", "features", "engine", "trainer", "clock"} <= set(built)
    container.shutdown_resources()


def test_a_fake_takes_the_place_of_an_adapter(ws: Workspace) -> None:
    """Any port can be overridden for a test."""
    counted = SequentialIds()
    with ws.container.ids.override(providers.Object(counted)):
        assert ws.container.paper_desk().ids is counted


@pytest.mark.parametrize(
    ("text", "days"), [("1d", 1), ("2w", 14), ("6mo", 180), ("2y", 730), ("36h", 1.5)]
)
def test_spans(text: str, days: float) -> None:
    """Lengths of time are read as they are written."""
    assert span_ms(text) == days * 86_400_000


def test_data_says_what_it_is(ws: Workspace) -> None:
    """Symbols, timeframe, period and whether it was generated."""
    data = ws.data.get()
    assert isinstance(data, MarketData)
    assert data.symbols == SYMBOLS
    assert repr(data).startswith("<synthetic MarketData SYN1/USDT, SYN2/USDT 1h: 600 bars")
