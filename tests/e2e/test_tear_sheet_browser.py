"""The tear sheet in Chromium: no error, no request, charts drawn, figures right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from mettle.adapters.reporting.tear_sheet import TearSheetWriter
from mettle.application.backtest import BacktestResult
from mettle.application.backtest.words import HEADLINES, WORDS, write
from playwright.sync_api import Browser, Page, sync_playwright
from tests.support.backtests import Swinger, small_backtest

CHROMIUM = Path("/usr/bin/chromium")
SCREENS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "desk": (1240, 900, "light"),
    "night": (1240, 900, "dark"),
    "phone": (390, 844, "light"),
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() and not os.environ.get("CI"), reason="Chromium is not installed"
    ),
]


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    """Return a result whose name tries to break the page."""
    return small_backtest(agent=Swinger(name="<img src=x onerror=alert(1)> & co"))


@pytest.fixture(scope="module")
def sheet(result: BacktestResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its tear sheet."""
    return TearSheetWriter().write(result, tmp_path_factory.mktemp("sheet") / "sheet.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium."""
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Opened(NamedTuple):
    """The sheet on one screen, with what it complained about and asked for."""

    page: Page
    errors: list[str]
    requests: list[str]


@pytest.fixture(scope="module", params=SCREENS)
def opened(request: pytest.FixtureRequest, browser: Browser, sheet: Path) -> Iterator[Opened]:
    """Open the sheet on one screen."""
    width, height, scheme = SCREENS[request.param]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    found = Opened(page, [], [])
    page.on(
        "console",
        lambda said: found.errors.extend([said.text] if said.type == "error" else []),
    )
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on("request", lambda asked: found.requests.append(asked.url))
    page.goto(sheet.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    yield found
    page.close()


def test_it_opens_without_error_and_without_network(opened: Opened, sheet: Path) -> None:
    """On a desk, at night, on a phone: the file itself is all that is asked for."""
    page, errors, requests = opened
    page.mouse.wheel(0, 4_000)
    page.wait_for_timeout(200)
    assert errors == []
    assert requests == [sheet.as_uri()]


def test_nothing_hangs_over_the_edge(opened: Opened) -> None:
    """Tables scroll inside their boxes, the page does not scroll sideways."""
    page, _, _ = opened
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_chart_is_drawn(opened: Opened) -> None:
    """Each visible chart has its traces; the candles of the other asset come with their tab."""
    page, errors, _ = opened
    drawn = page.evaluate(
        "[...document.querySelectorAll('.chart:not([hidden])')]"
        ".map((box) => [box.id, box.querySelectorAll('.trace, .candlestick, .bars').length > 0"
        " || box.querySelectorAll('path').length > 5])"
    )
    names = {name for name, _ in drawn}
    assert {"growth", "waterfall", "distribution", "rolling", "exposure"} <= names
    assert all(there for _, there in drawn)
    second = page.locator(".tabs button").nth(1)
    second.click()
    chart = second.get_attribute("data-chart")
    assert page.locator(f"#{chart} .main-svg").count() > 0
    assert second.get_attribute("aria-selected") == "true"
    assert errors == []


def test_figures_are_the_results(opened: Opened, result: BacktestResult) -> None:
    """Headlines with interval and sample, every figure in the table, the name as text."""
    page, _, _ = opened
    found = result.metrics.figures()
    assert page.locator("h1").inner_text() == result.agent
    assert page.locator("header .badge").inner_text() == "SYNTHETIC MARKET"
    for name in HEADLINES:
        expected = write(found[name].value, WORDS[name].unit, "USDT")
        assert page.locator(f"[data-headline={name}]").inner_text().startswith(expected)
    for name, figure in found.items():
        shown = page.locator(f"[data-figure={name}]").inner_text()
        assert shown == write(figure.value, WORDS[name].unit, "USDT")
    sharpe = page.locator(".card", has=page.locator("[data-headline=sharpe]")).inner_text()
    assert f"{len(result.trades):,} trades" in sharpe
    assert "[" in sharpe


def test_colours_follow_the_readers_scheme(browser: Browser, sheet: Path) -> None:
    """A change at dusk repaints page and charts."""
    page = browser.new_page(color_scheme="light")
    page.goto(sheet.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    look = (
        "[getComputedStyle(document.body).backgroundColor,"
        " document.querySelector('#growth .lines path').style.stroke]"
    )
    day = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"JSON.stringify({look}.map(String)) !== {str(day)!r}")
    page.wait_for_timeout(300)
    night = page.evaluate(look)
    assert night[0] != day[0]
    assert night[1] != day[1]
    page.close()
