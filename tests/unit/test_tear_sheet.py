"""The tear sheet's text and charts, without a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from mettle.adapters.reporting.tear_sheet import TearSheetWriter, charts, series
from mettle.adapters.reporting.tear_sheet.page import page
from mettle.adapters.reporting.tear_sheet.words import settings_rows
from mettle.application.backtest import BacktestResult, WindowResult
from mettle.application.backtest.words import WORDS, write
from mettle.domain.errors import StorageError
from mettle.domain.simulation import SimulationSettings
from plotly import graph_objects
from tests.support.backtests import Swinger, small_backtest, small_panel

NASTY = "<script>alert('&')</script>"


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    """Return a result of 41 days."""
    return small_backtest()


def painted(value: object) -> object:
    """Return a specification with a plain colour for every name of the palette."""
    if isinstance(value, str) and value.startswith("@"):
        return "#123456"
    if isinstance(value, dict):
        return {key: painted(one) for key, one in value.items()}
    return [painted(one) for one in value] if isinstance(value, list) else value


def test_every_chart_is_valid_plotly(result: BacktestResult) -> None:
    """Plotly's own schema takes each specification."""
    found = [
        charts.growth(result),
        charts.candles(result, 0),
        charts.candles(result, 1),
        charts.waterfall(result),
        charts.distribution(result),
        charts.exposure(result),
        charts.rolling_sharpe(result),
    ]
    for spec in found:
        assert spec is not None
        drawn = graph_objects.Figure(painted(spec))
        assert len(drawn.data) == len(spec["data"])


def test_charts_show_the_result(result: BacktestResult) -> None:
    """Last growth, every fill on the candles, the waterfall's ends, the shares' sum."""
    growth = charts.growth(result)["data"][0]
    assert growth["y"][-1] == pytest.approx((result.nav[-1] - 1) * 100, abs=1e-3)
    assert growth["x"][-1] == result.stop_ms
    marks = [one for one in charts.candles(result, 0)["data"] if one["type"] == "scatter"]
    assert sum(len(one["x"]) for one in marks) == (result.run.fills["asset"] == 0).sum()
    bars = charts.waterfall(result)["data"][0]
    assert bars["y"][-1] == pytest.approx(float(result.costs.net), abs=0.01)
    assert sum(bars["y"][:-1]) == pytest.approx(bars["y"][-1], abs=0.05)
    assert sum(charts.distribution(result)["data"][0]["y"]) == pytest.approx(100, abs=0.1)


def test_wide_growth_is_drawn_on_a_logarithmic_scale(result: BacktestResult) -> None:
    """As factors, with ticks at 1, 2 and 5; a ruined account stays on the plain one."""
    assert "type" not in charts.growth(result)["layout"]["yaxis"]
    wide = charts.growth(replace(result, nav=np.geomspace(1.0, 30.0, result.nav.size)))
    assert wide["layout"]["yaxis"]["ticktext"] == ["×1", "×2", "×5", "×10", "×20"]
    assert wide["data"][0]["y"][-1] == 30.0
    ruined = charts.growth(replace(result, nav=np.linspace(1.0, 0.0, result.nav.size)))
    assert "type" not in ruined["layout"]["yaxis"]


def test_candles_leave_gaps_out_and_name_stops() -> None:
    """A missing bar has no candle; a stop has its own mark."""
    stopped = small_backtest(settings=SimulationSettings(stop_loss=4_000), resamples=0)
    names = [one["name"] for one in charts.candles(stopped, 0)["data"]]
    assert "stop or liquidation" in names
    state = stopped.panel.state.copy()
    state[-5, 0] = 0
    holey = replace(stopped, panel=replace(stopped.panel, state=state))
    full, fewer = (len(charts.candles(one, 0)["data"][0]["x"]) for one in (stopped, holey))
    assert fewer == full - 1


def test_thinning_keeps_ends_and_extremes() -> None:
    """A crash of one bar stays in the picture."""
    values = np.linspace(1.0, 2.0, 100_000)
    values[56_789], values[12_345] = 0.1, 9.0
    keep = series.thin(values)
    assert keep.size <= series.POINTS + 2
    assert {0, 12_345, 56_789, 99_999} <= set(keep.tolist())
    assert series.thin(values[:10]).tolist() == list(range(10))


def test_bucket_means_keep_the_mean() -> None:
    """Also where the last bucket is short."""
    first, means = series.bucket_means(np.array([1.0, 3.0, 5.0, 7.0, 11.0]), 3)
    assert first.tolist() == [0, 2, 4]
    assert means.tolist() == [2.0, 6.0, 11.0]


def test_short_records_leave_the_rolling_figure_out() -> None:
    """And say so; daily samples need 40 days."""
    short = small_backtest(small_panel(30), resamples=0)
    assert charts.rolling_sharpe(short) is None
    assert "too short for a rolling figure" in page(short, "")
    assert series.sampled(short)[3] == "bar"
    assert series.sampled(small_backtest(resamples=0))[3] == "day"


class Texts(HTMLParser):
    """Collects the text of elements with a data-figure or data-headline."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a marked element; any other ends it."""
        self._open = next((v or "" for k, v in attrs if k.startswith("data-")), "")

    def handle_data(self, data: str) -> None:
        """Keep the first text of a marked element."""
        if self._open:
            self.found.setdefault(self._open, data.strip())


def test_figures_in_the_page_are_the_results(result: BacktestResult) -> None:
    """Every figure by name, as the words write it."""
    reader = Texts()
    reader.feed(page(result, ""))
    for name, figure in result.metrics.figures().items():
        assert reader.found[name] == write(figure.value, WORDS[name].unit, "USDT"), name


def test_all_text_is_escaped() -> None:
    """A name cannot become markup, neither in the page nor in the data of the charts."""
    text = page(small_backtest(agent=Swinger(name=NASTY), resamples=0), "window.x = '</script>'")
    assert NASTY not in text
    assert "&lt;script&gt;" in text
    assert "window.x = '<\\/script>'" in text
    specs = re.search(r"id=specs>(.*?)</script>", text)
    assert specs is not None
    assert json.loads(specs[1])["growth"]["data"][0]["name"] == NASTY


def test_synthetic_and_real_are_told_apart(result: BacktestResult) -> None:
    """In words, at the top."""
    assert "SYNTHETIC MARKET" in page(result, "")
    real = page(small_backtest(small_panel(synthetic=False), resamples=0), "")
    assert "REAL DATA" in real
    assert "SYNTHETIC" not in real


def test_the_file_is_whole_and_the_same_each_time(result: BacktestResult, tmp_path: Path) -> None:
    """One file, no leftovers, the same bytes, under 6 MB, nothing to fetch."""
    first = TearSheetWriter().write(result, tmp_path / "deep" / "one.html")
    second = TearSheetWriter().write(result, tmp_path / "deep" / "two.html")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 6_000_000
    assert sorted(one.name for one in first.parent.iterdir()) == ["one.html", "two.html"]
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", first.read_text("utf-8"))


def test_a_target_that_cannot_be_written_is_named(result: BacktestResult, tmp_path: Path) -> None:
    """A folder in the place of a folder's parent."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=r"file/sheet\.html"):
        TearSheetWriter().write(result, tmp_path / "file" / "sheet.html")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="taken"):
        TearSheetWriter().write(result, tmp_path / "taken")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "taken"]


def test_settings_are_written_for_people() -> None:
    """Percent, seconds, words; off where nothing is set."""
    rows = dict(settings_rows(SimulationSettings(stop_loss=25_000)))
    assert rows["max weight"] == "100 %"
    assert rows["slippage"] == "0.05 %"
    assert rows["stop loss"] == "2.5 %"
    assert rows["trailing stop"] == "off"
    assert rows["scheme"] == "target weight"
    assert rows["allow short"] == "no"
    assert rows["maker wait"] == "120 s"
    assert "initial cash" not in rows


def test_walk_forward_windows_are_listed(result: BacktestResult) -> None:
    """Only where there are any."""
    window = WindowResult(3, 103, 103, 203, "swinger", "h", -0.01, 4)
    later = replace(window, start=203, stop=303)
    text = page(replace(result, windows=(window, later)), "")
    assert "Walk-forward windows" in text
    assert "−1.0 %" in text
    assert "Walk-forward windows" not in page(result, "")
