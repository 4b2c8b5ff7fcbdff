"""Real candles go all the way: import, train, backtest on a later period, paper on the last month.

Hourly Binance spot bars of ten symbols, from the folder beside the checkout. The gaps that import
reports are held against that folder's own list; the paper session must end with the equity of the
backtest over the same month, to 1e-8; the tear sheet must open in Chromium without an error.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from . import Outcome

DATA = Path(__file__).parents[2] / "shared" / "data"
CHROMIUM = "/usr/bin/chromium"
SPLIT, LAST_MONTH = "2024-01-01", "2024-12-01"
FRAMES_FULL, FRAMES_SHORT = 1_000_000, 100_000


def run(full: bool) -> Outcome:
    """Play the whole path; the short form trains a tenth of the frames."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _mettle(place, "init", ".")
        listed = _import(place)
        gaps_agree = {row["symbol"]: (row["gaps"], row["missing"]) for row in listed} == _known()
        symbols = ",".join(row["symbol"] for row in listed)
        frames = FRAMES_FULL if full else FRAMES_SHORT
        trained = _mettle(
            place, "train", "-s", "real", "--symbols", symbols, "-t", "1h",
            "--to", SPLIT, "--frames", str(frames), "--gaps", "segment",
        )  # fmt: skip
        year = _backtest(place, SPLIT, LAST_MONTH)
        month = _backtest(place, LAST_MONTH, None)
        paper = _mettle(
            place, "paper", "run", "--model", "real", "--symbols", symbols, "-t", "1h",
            "--from", LAST_MONTH, "--commit-every", "1000",
        )  # fmt: skip
        errors = _open(sorted((place / "reports").glob("*.html")))
    _tell(trained, year, month, paper)
    equal = paper["equity"] == month["equity"]["last"]
    print(f"gaps as listed: {gaps_agree}; paper equals backtest: {equal}; page errors: {errors}")
    return Outcome(
        f"{len(listed)} symbols, {trained['frames']:,} frames, {year['period']['bars']:,} bars "
        f"backtested, paper over {paper['bars']} bars {'equals' if equal else 'differs from'} it",
        f"10 symbols, at least {frames:,} frames, gaps as listed, paper equal, page opens",
        len(listed) == 10
        and trained["frames"] >= frames
        and gaps_agree
        and equal
        and paper["status"] == "finished"
        and not errors,
    )


def _import(place: Path) -> list[dict[str, Any]]:
    files = sorted((DATA / "ohlcv").glob("binance_*USDT_1h.parquet"))
    _mettle(place, "data", "import", *map(str, files))
    series: list[dict[str, Any]] = _mettle(place, "data", "list")["series"]
    return series


def _known() -> dict[str, tuple[int, int]]:
    """Return gaps and missing bars of each symbol as the folder's list has them."""
    with (DATA / "MANIFEST.csv").open(encoding="utf-8") as file:
        return {
            row["symbol"].removesuffix("USDT") + "/USDT": (
                int(row["gaps"]),
                int(row["missing_bars"]),
            )
            for row in csv.DictReader(file)
            if row["file"].startswith("ohlcv/binance_") and row["interval"] == "1h"
        }


def _backtest(place: Path, start: str, stop: str | None) -> dict[str, Any]:
    until = ["--to", stop] if stop else []
    return _mettle(place, "backtest", "real", "--from", start, *until, "--gaps", "hold")


def _open(pages: list[Path]) -> list[str]:
    """Return what Chromium complains about when it opens the pages."""
    errors: list[str] = [] if pages else ["there is no tear sheet"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path in pages:
            page = browser.new_page()
            page.on(
                "console",
                lambda said: errors.extend([said.text] if said.type == "error" else []),
            )
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(path.as_uri(), wait_until="load")
        browser.close()
    return errors


def _tell(*documents: dict[str, Any]) -> None:
    trained, year, month, paper = documents
    print(f"trained {trained['frames']:,} frames at {trained['frames_per_second']:,.0f} a second")
    for name, found in (("later period", year), ("last month", month)):
        figures = found["metrics"]["figures"]
        sharpe = figures["sharpe"]
        print(
            f"{name}: return {figures['total_return']['value']:.1%}, Sharpe {sharpe['value']:.2f} "
            f"[{sharpe['low']:.2f}, {sharpe['high']:.2f}], {found['metrics']['trades']} trades"
        )
    print(f"paper: {paper['decisions']} decisions, {paper['fills']} fills, {paper['equity']} USDT")


def _mettle(place: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "mettle.entrypoints.cli.main", "--json", "--quiet", *arguments]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"mettle {arguments[0]} ended with {done.returncode}: {done.stderr}")
    document: dict[str, Any] = json.loads(done.stdout)["data"] if done.stdout.strip() else {}
    return document
