"""The result, its summary, its words."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from decimal import Decimal

import numpy as np
import pytest
from mettle.application.backtest import close_out as closing
from mettle.application.backtest import cost_profile, to_summary, verdict
from mettle.application.backtest.words import (
    HEADLINES,
    WORDS,
    Unit,
    interval,
    unit_of,
    write,
)
from mettle.application.market import MarketPanel
from mettle.domain.performance import Figure
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray
from tests.support.backtests import Swinger, small_backtest, small_panel


def test_the_summary_is_json_and_complete() -> None:
    """Schema, agent, market, period, costs, figures, benchmarks, settings, warnings."""
    result = small_backtest(funding_panel())
    document = json.loads(json.dumps(to_summary(result), allow_nan=False))
    assert document["schema"] == "mettle.backtest/1"
    assert document["market"]["data_hash"] == result.panel.data_hash
    assert document["market"]["synthetic"] is True
    assert document["period"]["bars"] == len(result.equity) == 997
    assert Decimal(document["equity"]["last"]) == result.final_equity
    costs = {name: Decimal(text) for name, text in document["costs"].items() if name != "profile"}
    assert costs["gross"] - costs["fee"] - costs["slippage"] + costs["funding"] == costs["net"]
    assert costs["net"] == Decimal(document["equity"]["last"]) - 10_000
    assert document["metrics"]["trades"] == len(result.trades)
    assert set(document["metrics"]["figures"]) == set(WORDS)
    assert SimulationSettings.from_dict(document["settings"]) == result.settings
    assert document["verdict"] == verdict(result)


def funding_panel() -> MarketPanel:
    """Return a panel with a perpetual that pays funding."""
    return small_panel(1_000, ("BTC/USDT:USDT", "ETH/USDT"), funding=True)


def test_the_same_request_gives_the_same_bits() -> None:
    """Intervals included: the draws belong to the key."""
    assert to_summary(small_backtest()) == to_summary(small_backtest())


def test_short_names_of_the_library() -> None:
    """What ``interface.md`` prints."""
    result = small_backtest()
    assert result.sharpe == result.metrics.returns.sharpe.value
    assert result.sharpe_interval == result.metrics.returns.sharpe.interval
    assert result.data_hash == result.panel.data_hash
    assert result.stop_ms - result.start_ms == 996 * 3_600_000


def test_benchmarks_name_btc_where_there_is_one() -> None:
    """From the panel, from closes that come along, or None with the reason."""
    assert [one.name for one in small_backtest().benchmarks] == ["buy and hold", "BTC"]
    panel = small_panel(200, ("ETH/USDT",))
    missing = small_backtest(panel, resamples=0).benchmarks[1]
    assert missing.nav is None
    assert missing.total_return is None
    assert missing.reason
    brought = small_backtest(panel, resamples=0, btc=np.arange(1.0, 201.0)).benchmarks[1]
    assert brought.total_return == pytest.approx(200 / 4 - 1)


def test_few_trades_and_few_days_are_said() -> None:
    """Nobody should judge by them."""
    result = small_backtest(small_panel(60), resamples=0)
    assert any("too few to judge" in one for one in result.warnings)
    assert any("under 30" in one for one in result.warnings)
    idle = small_backtest(small_panel(60), agent=Swinger(weight=0.0), resamples=0)
    assert any(one.startswith("no trade: too few") for one in idle.warnings)
    assert "no Sharpe ratio" in verdict(idle)


def test_doubts_are_said_once_and_only_where_they_hold() -> None:
    """Synthetic bars, free trading, sizes read off the data, a position left open."""
    panel = small_panel(900, synthetic=False)
    fine = small_backtest(panel, close_at_end=True)
    assert not any("synthetic" in one or "open" in one or "costs" in one for one in fine.warnings)
    instruments = tuple(replace(one, inferred=True) for one in panel.instruments)
    guessed = small_backtest(replace(panel, instruments=instruments), resamples=0)
    assert any("read off the data: BTC/USDT, ETH/USDT" in one for one in guessed.warnings)
    free = small_backtest(panel, costs=cost_profile("zero"), resamples=0)
    assert any("without costs" in one for one in free.warnings)
    assert free.costs.fee == free.costs.slippage == 0


def test_closing_out_pays_what_a_ruin_pays() -> None:
    """Taker slippage and fee at the last close; the last mark is the cash left."""
    panel = small_panel(300)
    left_open = small_backtest(panel, agent=Steady(), resamples=0)
    closed = small_backtest(panel, agent=Steady(), close_at_end=True, resamples=0)
    assert left_open.run.lots[-1].all()
    assert not closed.run.lots[-1].any()
    assert closed.run.equity[-1] == closed.run.cash[-1] < left_open.run.equity[-1]
    added = len(closed.run.fills) - len(left_open.run.fills)
    assert added == 2
    last = closed.run.fills[-2:]
    assert (last["ticks"] < last["reference"]).all()
    assert last["reference"].tolist() == panel.close[-1].tolist()
    assert closing.close_out(closed.run, panel, closed.settings) is closed.run


class Steady(Swinger):
    """Holds both assets all the time."""

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the same weights."""
        return np.full(features.shape[1], 0.4, dtype=np.float32)


def test_verdicts_say_what_the_interval_allows() -> None:
    """Above 0, below 0, or not told from 0."""
    result = small_backtest(resamples=200)
    sharpe = result.metrics.returns.sharpe

    def said(low: float | None, high: float | None) -> str:
        figure = replace(sharpe, value=0.5, low=low, high=high, reason="" if low else "too short")
        returns = replace(result.metrics.returns, sharpe=figure)
        return verdict(replace(result, metrics=replace(result.metrics, returns=returns)))

    assert said(0.1, 0.9).endswith("0.50 [0.10, 0.90] lies above 0.")
    assert said(-0.9, -0.1).endswith("lies below 0.")
    assert said(-0.9, 0.1).endswith("cannot be told from 0.")
    assert said(None, None).endswith("has no interval: too short.")


def test_every_figure_has_words_and_every_word_a_figure() -> None:
    """No figure is shown without a name and a meaning."""
    metrics = small_backtest(resamples=0).metrics
    assert list(metrics.figures()) == list(WORDS)
    assert set(HEADLINES) <= set(WORDS)
    for word in WORDS.values():
        assert all(getattr(word, one.name) for one in fields(word))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-0.1234, Unit.SHARE, "−12.3 %"),
        (25.0, Unit.SHARE, "2,500 %"),
        (-0.00001, Unit.SHARE, "0.0 %"),
        (0.913, Unit.CHANCE, "91.3 %"),
        (1.234, Unit.RATIO, "1.23"),
        (1.5e7, Unit.RATIO, "1.50e+07"),
        (-1234.5, Unit.MONEY, "−1,234.50 USDT"),
        (12.0, Unit.COUNT, "12"),
        (0.01234, Unit.PER_BAR, "0.0123"),
        (400.2, Unit.DAYS, "400 d"),
        (2.5, Unit.DAYS, "2.5 d"),
        (0.5, Unit.DAYS, "12.0 h"),
        (0.01, Unit.DAYS, "14 min"),
        (None, Unit.RATIO, "–"),
    ],
)
def test_values_are_written_for_people(value: float | None, unit: Unit, text: str) -> None:
    """A minus is a minus, nothing is never negative, undefined is a dash."""
    assert write(value, unit, "USDT") == text


def test_intervals_are_written_for_people() -> None:
    """Unbounded ends are infinite, a missing interval is empty."""
    assert interval(Figure(1.0, low=-0.5, high=2.0), Unit.RATIO) == "[−0.50, 2.00]"
    assert interval(Figure(1.0, "x", low=0.5), Unit.RATIO) == "[0.50, ∞]"
    assert interval(Figure(1.0, "x", high=0.5), Unit.RATIO) == "[−∞, 0.50]"
    assert interval(Figure(1.0, "x"), Unit.RATIO) == ""


def test_unannualised_figures_say_so() -> None:
    """Per bar under 30 days; turnover is that of the period."""
    short = small_backtest(small_panel(60), resamples=0).metrics
    assert [unit_of(one, short) for one in ("sharpe", "turnover", "calmar")] == [
        "per bar", "in the period", "",
    ]  # fmt: skip
    assert unit_of("sharpe", small_backtest(resamples=0).metrics) == ""
    assert math.isfinite(short.returns.sharpe.value or 0.0)
