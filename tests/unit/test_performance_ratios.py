"""Ratios and returns: by hand, and against empyrical-reloaded where the definitions coincide."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.performance import nav_per_unit, ratios, returns, simple_returns
from mettle.domain.performance.drawdown import max_drawdown
from mettle.domain.performance.sample import Sample

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # an old yfinance import inside it
    empyrical = pytest.importorskip("empyrical")

PER_YEAR = 8_760
KINDS = ("normal", "fat tails", "drifting", "short")


def sample(kind: str) -> np.ndarray:
    """Return hourly returns of one kind."""
    rng = np.random.default_rng(7)
    if kind == "fat tails":
        return rng.standard_t(3, 4_000) * 0.004
    if kind == "drifting":
        return rng.normal(0.0008, 0.01, 2_000)
    return rng.normal(0.0001, 0.006, 3_000 if kind == "normal" else 12)


def nav_of(values: np.ndarray) -> np.ndarray:
    """Return the NAV that grows by the returns."""
    return np.concatenate(([1.0], np.cumprod(1.0 + values)))


@pytest.mark.parametrize("kind", KINDS)
def test_ratios_equal_an_independent_library(kind: str) -> None:
    """Volatility, Sharpe, Sortino, growth, drawdown and Calmar agree to 1e-9."""
    values = sample(kind)
    nav = nav_of(values)
    pairs: tuple[tuple[float | None, Callable[..., float], dict[str, float]], ...] = (
        (Sample.of(values).volatility(PER_YEAR), empyrical.annual_volatility, {}),
        (ratios.sharpe(values, PER_YEAR), empyrical.sharpe_ratio, {}),
        (Sample.of(values).sortino(PER_YEAR), empyrical.sortino_ratio, {}),
        (Sample.of(values).downside_deviation(PER_YEAR), empyrical.downside_risk, {}),
        (returns.annual_return(nav, PER_YEAR), empyrical.annual_return, {}),
        (ratios.calmar(nav, PER_YEAR), empyrical.calmar_ratio, {}),
    )
    for ours, theirs, more in pairs:
        assert ours == pytest.approx(theirs(values, annualization=PER_YEAR, **more), rel=1e-9)
    assert max_drawdown(nav) == pytest.approx(-empyrical.max_drawdown(values), rel=1e-9)
    assert returns.total_return(nav) == pytest.approx(empyrical.cum_returns_final(values), rel=1e-9)


def test_ratios_by_hand() -> None:
    """Four returns whose figures fit on paper."""
    values = np.array([0.02, -0.01, 0.03, 0.0])
    assert Sample.of(values).volatility() == pytest.approx((0.001 / 3) ** 0.5)
    assert ratios.sharpe(values) == pytest.approx(0.01 / (0.001 / 3) ** 0.5)
    assert ratios.sharpe(values, 4) == pytest.approx(0.02 / (0.001 / 3) ** 0.5)
    assert Sample.of(values).downside_deviation() == pytest.approx((0.0001 / 4) ** 0.5)
    assert Sample.of(values).sortino() == pytest.approx(2.0)


def test_moments_by_hand() -> None:
    """Skewness and kurtosis are the population's standardised moments."""
    values = np.array([0.0, 0.0, 0.0, 4.0])
    assert Sample.of(values).moments()[0] == pytest.approx(6.0 / 3**1.5)
    assert Sample.of(values).moments()[1] == pytest.approx(21.0 / 9.0)


def test_undefined_ratios_are_none() -> None:
    """No spread, no loss, no fall, too few: None, never 0 or infinity."""
    flat, one, rising = np.full(50, 0.01), np.array([0.01]), np.array([0.01, 0.02, 0.03])
    assert ratios.sharpe(flat) is None
    assert ratios.sharpe(np.zeros(9)) is None
    assert ratios.sharpe(one) is None
    assert Sample.of(one).volatility() is None
    assert Sample.of(rising).sortino() is None
    assert Sample.of(one).sortino() is None
    assert Sample.of(np.empty(0)).downside_deviation() is None
    assert ratios.calmar(nav_of(rising), PER_YEAR) is None
    assert ratios.calmar(np.ones(1), PER_YEAR) is None
    assert Sample.of(flat).moments()[0] is None
    assert Sample.of(one).moments()[1] is None


def test_nav_ignores_deposits() -> None:
    """Money that comes or goes changes the units, not their value."""
    nav = nav_per_unit([100, 110, 210, 105, 115.5], [0, 0, 100, 0, 0])
    np.testing.assert_allclose(nav, [1.0, 1.1, 1.1, 0.55, 0.605])
    assert nav_per_unit([50, 100])[-1] == 2.0


def test_nav_of_a_lost_account_stays() -> None:
    """Growth cannot be measured from nothing."""
    np.testing.assert_allclose(nav_per_unit([10, -2, 5], [0, 0, 7]), [1.0, -0.2, -0.2])
    np.testing.assert_allclose(simple_returns([1.0, 0.0, 3.0]), [-1.0, 0.0])


def test_annual_return_of_a_ruin_is_total() -> None:
    """An account that owes has lost everything, not more."""
    assert returns.annual_return(np.array([1.0, -0.3]), 365) == -1.0
    assert returns.annual_return(np.array([1.0]), 365) is None
    assert returns.annual_return(np.array([1.0, 9.0]), 1e6) is None


@pytest.mark.parametrize("equity", [[], [0.0, 1.0], [-1.0], [[1.0]]])
def test_nav_needs_a_positive_start(equity: list[float]) -> None:
    """A series that begins at nothing has no unit."""
    with pytest.raises(InvalidValue, match="above 0"):
        nav_per_unit(equity)


def test_nav_refuses_flows_of_another_length() -> None:
    """Each mark has its flow."""
    with pytest.raises(InvalidValue, match="shape"):
        nav_per_unit([1.0, 2.0], [0.0])


def test_months_follow_the_calendar() -> None:
    """A mark at the first midnight closes the month before."""
    day = 86_400_000
    jan = 1_704_067_200_000
    times = [jan, jan + 30 * day, jan + 31 * day, jan + 32 * day, jan + 60 * day + 1]
    nav = [1.0, 1.1, 1.21, 1.331, 1.331 * 0.5]
    found = returns.months(times, nav)
    assert [(year, month) for year, month, _ in found] == [(2024, 1), (2024, 2), (2024, 3)]
    assert [grown for _, _, grown in found] == pytest.approx([0.21, 0.1, -0.5])
    assert returns.months([jan], [1.0]) == []
    assert returns.months([jan, jan + 40 * day], [0.0, 1.0])[0][2] == 0.0


def test_a_long_series_is_summed_up_block_by_block() -> None:
    """Over the borders of blocks the sums are those of the whole."""
    values = np.random.default_rng(3).standard_t(4, 30_001) * 0.01 + 0.001
    sample, centred = Sample.of(values), values - values.mean()
    assert sample.count == 30_001
    assert sample.squares == pytest.approx(np.square(centred).sum(), rel=1e-12)
    assert sample.cubes == pytest.approx((centred**3).sum(), rel=1e-12)
    assert sample.fourths == pytest.approx((centred**4).sum(), rel=1e-12)
    assert sample.losses == pytest.approx(np.square(np.minimum(values, 0.0)).sum(), rel=1e-12)
