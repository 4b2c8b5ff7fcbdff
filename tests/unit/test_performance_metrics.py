"""All figures together: values, intervals, reasons, and what never stands alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.performance import (
    Draws,
    Figure,
    FillTotals,
    Metrics,
    Record,
    measure,
    plan_draws,
    ratios,
    simple_returns,
    trade_table,
)
from mettle.domain.performance.benchmarks import buy_and_hold, capture_ratio, captures
from mettle.domain.performance.rolling import rolling_sharpe
from tests.support.backtests import fills


def record(days: int = 60, seed: int = 4, *, drift: float = 0.0004) -> Record:
    """Return a record of hourly marks with trades every ten bars."""
    rng = np.random.default_rng(seed)
    nav = np.exp(np.concatenate(([0.0], np.cumsum(rng.normal(drift, 0.004, days * 24)))))
    bars = range(1, days * 24, 10)
    given = [
        one
        for bar in bars
        for one in ((bar, 1, 5, 1_000, 3), (bar + 5, -1, 5, int(rng.integers(950, 1_060)), 3))
    ]
    return Record(
        nav=nav,
        bars_per_day=24.0,
        trades=trade_table(fills(*given), [1_000]),
        fills=FillTotals(2 * len(bars), 10**10, 4 * 10**9, 10**6, 2 * 10**6),
        exposure=np.tile([0.0, 0.5], nav.size // 2 + 1)[: nav.size],
        mean_equity=1e9,
        benchmark=buy_and_hold(np.exp(np.cumsum(rng.normal(0, 0.005, nav.size)))),
    )


def measured(given: Record, resamples: int = 300) -> Metrics:
    """Measure with intervals."""
    plan, rng = plan_draws(given), np.random.default_rng(0)
    draws = {
        name: rng.random((resamples, one.draws, 2))
        for name, one in (("returns", plan.returns), ("trades", plan.trades))
        if one is not None
    }
    return measure(given, plan, Draws(**draws))


INTERVALS = (
    "total_return", "annual_return", "excess_return", "volatility", "sharpe", "sortino", "calmar",
    "max_drawdown", "sharpe_per_bar", "hit_rate", "profit_factor", "expectancy",
)  # fmt: skip


def test_every_headline_has_an_interval_around_it() -> None:
    """Low ≤ value ≤ high for the figures that have one."""
    found = measured(record()).figures()
    for name in INTERVALS:
        figure = found[name]
        assert figure.interval is not None, name
        assert figure.value is not None, name
        low, high = figure.interval
        assert low <= figure.value <= high, name
        assert figure.reason == ""


def test_no_sharpe_without_interval_and_trade_count() -> None:
    """The summary holds both; JSON keeps them together."""
    document = json.loads(json.dumps(measured(record()).to_dict(), allow_nan=False))
    assert document["trades"] == 144
    sharpe = document["figures"]["sharpe"]
    assert sharpe["low"] < sharpe["value"] < sharpe["high"]
    assert sharpe["n"] == document["bars"] == 1_440


def test_a_figure_without_value_or_interval_says_why() -> None:
    """Without draws each figure names the missing interval."""
    bare = measure(record())
    for name, figure in bare.figures().items():
        assert figure.reason or figure.interval, name
    assert "no interval" in bare.returns.sharpe.reason
    assert bare.returns.sharpe.value == measured(record()).returns.sharpe.value


def test_short_records_are_not_annualised() -> None:
    """Under 30 days: per bar, and Calmar and annual return are None with the reason."""
    given = record(days=29)
    found = measured(given)
    assert not found.annualised
    assert found.returns.sharpe.value == ratios.sharpe(simple_returns(given.nav))
    for figure in (found.returns.calmar, found.returns.annual_return):
        assert figure.value is None
        assert "under 30 days" in figure.reason
    longer = measured(record(days=30))
    assert longer.annualised
    assert longer.returns.calmar.value is not None
    assert longer.returns.sharpe.value == pytest.approx(
        (longer.returns.sharpe_per_bar.value or 0) * 8_760**0.5
    )


def test_a_record_of_nothing() -> None:
    """One mark, no trade: every figure has its reason, none is 0 or 999 instead."""
    found = measured(Record(nav=np.ones(1), bars_per_day=24.0)).figures()
    undefined = {name for name, one in found.items() if one.value is None}
    assert {"sharpe", "sortino", "volatility", "hit_rate", "profit_factor", "turnover"} <= undefined
    assert found["sharpe"].reason == "fewer than two returns"
    assert found["profit_factor"].reason == "no trade was closed"
    assert found["maker_ratio"].reason == "nothing was traded"
    assert found["total_return"].value == 0.0


def test_a_flat_record_has_no_ratio() -> None:
    """Nothing varied and nothing fell."""
    found = measured(Record(nav=np.ones(2_000), bars_per_day=24.0)).returns
    assert found.sharpe.reason == "the returns do not vary"
    assert found.sortino.reason == "no bar lost"
    assert found.calmar.reason == "the NAV never fell"
    assert found.recovery_days.reason == "the NAV never fell"
    assert found.probabilistic_sharpe.value is None


def test_a_ruined_record_is_measured() -> None:
    """No logarithm of nothing: the growth interval is left out, the figures stand."""
    nav = np.concatenate((np.linspace(1.0, 0.5, 50), [0.0] * 10))
    found = measured(Record(nav=nav, bars_per_day=1.0)).returns
    assert found.total_return.value == -1.0
    assert found.total_return.low is None
    assert found.annual_return.value == -1.0
    assert found.max_drawdown.value == 1.0
    assert found.recovery_days.reason == "the deepest drawdown has not recovered"


def test_luck_of_a_loser() -> None:
    """A negative Sharpe needs no track record."""
    found = measured(record(drift=-0.001)).returns
    assert found.probabilistic_sharpe.value is not None
    assert found.probabilistic_sharpe.value < 0.5
    assert found.track_record_days.reason == "the Sharpe ratio is not positive"


def test_activity_by_hand() -> None:
    """Turnover, exposure, maker ratio and the shares of the costs."""
    given = record()
    found = measured(given).activity
    assert found.maker_ratio.value == 0.4
    assert found.exposure.value == pytest.approx(0.25, abs=0.001)
    assert found.time_in_market.value == pytest.approx(0.5, abs=0.001)
    assert found.turnover.value == pytest.approx(10.0 * 365 / 60)
    earned = int(given.trades["gross"].sum())
    assert found.fee_share.value == pytest.approx(10**6 / earned)
    assert found.slippage_share.value == pytest.approx(2 * 10**6 / earned)
    assert found.holding_days.value == pytest.approx(5 / 24)


def test_benchmarks_by_hand() -> None:
    """Equal weights bought once; capture over the benchmark's rising and falling bars."""
    np.testing.assert_allclose(buy_and_hold([[10, 10], [20, 5], [30, 10]]), [1.0, 1.25, 2.0])
    np.testing.assert_allclose(buy_and_hold([4, 5]), [1.0, 1.25])
    own, other = np.array([0.01, -0.01, 0.03, 0.0]), np.array([0.02, -0.04, 0.02, 0.0])
    assert captures(own, other) == pytest.approx((1.0, 0.25))
    assert captures(own[:1], other[:1])[1] is None
    assert capture_ratio(1.0, 0.25) == 4.0
    assert capture_ratio(1.0, None) is None
    assert capture_ratio(None, 1.0) is None
    assert capture_ratio(1.0, -0.25) is None
    with pytest.raises(InvalidValue, match="positive prices"):
        buy_and_hold([1.0, 0.0])
    with pytest.raises(InvalidValue, match="positive prices"):
        buy_and_hold(np.empty((0, 2)))


def test_without_a_benchmark_its_figures_say_so() -> None:
    """Capture and excess return."""
    found = measured(Record(nav=record().nav, bars_per_day=24.0)).returns
    assert {found.excess_return.reason, found.capture_ratio.reason} == {"there is no benchmark"}


def test_rolling_sharpe_equals_the_ratio_of_each_window() -> None:
    """Value by value, with Lo's band around it; NaN where a window is flat."""
    values = np.random.default_rng(2).normal(0.001, 0.01, 60)
    values[30:45] = 0.002
    value, low, high = rolling_sharpe(values, 10, 365)
    assert value.shape == (51,)
    assert value[7] == pytest.approx(ratios.sharpe(values[7:17], 365))
    assert np.isnan(value[31])
    assert low[7] < value[7] < high[7]
    assert rolling_sharpe(values[:5], 10)[0].size == 0
    with pytest.raises(InvalidValue, match="at least 3"):
        rolling_sharpe(values, 2)


@pytest.mark.parametrize(
    "make", [lambda: Figure(None), lambda: Figure(float("nan")), lambda: Figure(1.0, low=-np.inf)]
)
def test_figures_refuse_what_cannot_be_shown(make: object) -> None:
    """No value needs a reason; NaN and infinity are no values."""
    with pytest.raises(InvalidValue):
        make()  # type: ignore[operator]  # a lambda of the table above


def test_an_open_ended_interval_is_none() -> None:
    """Both ends or nothing."""
    assert Figure(1.0, "one end", low=0.5).interval is None
    assert Figure(1.0, low=0.5, high=2.0).interval == (0.5, 2.0)
