"""What a backtest refuses, chooses and warns of before it runs; cost profiles."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from mettle.application.backtest import (
    COST_PROFILES,
    OWN,
    GapPolicy,
    Provenance,
    cost_profile,
)
from mettle.application.market import MarketPanel
from mettle.domain.errors import DataError, InvalidValue, NotFound
from mettle.domain.market import FeeSchedule, FeeTier
from mettle.domain.simulation import SimulationSettings
from tests.support.backtests import START_MS, Swinger, small_backtest, small_panel

HOUR = 3_600_000


def with_gap(panel: MarketPanel, bar: int) -> MarketPanel:
    """Return the panel with one bar of the first asset missing."""
    state = panel.state.copy()
    state[bar, 0] = 0
    columns = {
        name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")
    }
    for name in ("open", "high", "low", "close"):
        columns[name][bar, 0] = panel.close[bar - 1, 0]
    columns["volume"][bar, 0] = 0
    return replace(panel, state=state, **columns)


def test_the_period_begins_after_the_warm_up() -> None:
    """Three bars of features and a window of five: the eighth bar decides first."""
    result = small_backtest(agent=Swinger(window=5))
    assert result.run.start == 7
    assert result.run.stop == 1_000
    assert result.start_ms == START_MS + 8 * HOUR


def test_a_start_inside_the_warm_up_is_moved_and_said() -> None:
    """Bars that were asked for and not played are named."""
    result = small_backtest(start_ms=START_MS)
    assert result.run.start == 3
    assert any("3 bars of the period went into the warm-up" in one for one in result.warnings)


def test_start_and_stop_are_opens() -> None:
    """The stop is not included."""
    result = small_backtest(start_ms=START_MS + 10 * HOUR, stop_ms=START_MS + 20 * HOUR)
    assert (result.run.start, result.run.stop) == (10, 20)


@pytest.mark.parametrize("stop", [0, 4, 5])
def test_too_short_a_period_is_refused(stop: int) -> None:
    """Two marks at least; the message says from when to when there are bars."""
    with pytest.raises(DataError, match="2024-01-01 to 2024-02-11 15:00"):
        small_backtest(start_ms=START_MS + 4 * HOUR, stop_ms=START_MS + stop * HOUR)


def test_too_little_history_is_refused() -> None:
    """No bar is past the warm-up."""
    with pytest.raises(DataError, match="warm up"):
        small_backtest(small_panel(3))


def test_gaps_are_refused_or_held_never_ignored() -> None:
    """The first missing bar is named; holding through is said."""
    panel = with_gap(small_panel(), 50)
    with pytest.raises(DataError, match="BTC/USDT at 2024-01-03 02:00") as refused:
        small_backtest(panel)
    assert "--gaps hold" in refused.value.mend
    held = small_backtest(panel, gaps=GapPolicy.HOLD)
    assert any(one.startswith("1 missing bars were held") for one in held.warnings)
    assert small_backtest(panel, start_ms=START_MS + 51 * HOUR).run.start == 51


def test_a_model_is_not_tested_on_its_own_training() -> None:
    """Refused with the last bar that it has seen; allowed only with a warning."""
    known = Provenance("abc", START_MS, START_MS + 500 * HOUR)
    with pytest.raises(InvalidValue, match="trained on bars up to 2024-01-21 20:00") as refused:
        small_backtest(provenance=known, start_ms=START_MS + 499 * HOUR)
    assert "--allow-overlap" in refused.value.mend
    allowed = small_backtest(provenance=known, start_ms=START_MS + 400 * HOUR, allow_overlap=True)
    assert any("proves nothing" in one for one in allowed.warnings)
    assert small_backtest(provenance=known, allow_overlap=True).run.start == 3


def test_without_a_start_the_test_begins_after_the_training() -> None:
    """The first bar that the model has not seen."""
    known = Provenance("abc", START_MS, START_MS + 500 * HOUR)
    result = small_backtest(provenance=known)
    assert result.run.start == 500
    assert result.agent_hash == "abc"


def test_testing_before_the_training_is_said() -> None:
    """The model knows the future of such a test."""
    known = Provenance("abc", START_MS + 600 * HOUR, START_MS + 900 * HOUR)
    result = small_backtest(
        provenance=known, start_ms=START_MS + 10 * HOUR, stop_ms=START_MS + 500 * HOUR
    )
    assert any("knows the future" in one for one in result.warnings)


def test_resamples_have_bounds() -> None:
    """A negative or an absurd number is refused."""
    with pytest.raises(InvalidValue, match="resamples"):
        small_backtest(resamples=-1)


@pytest.mark.parametrize(
    ("name", "maker", "taker"),
    [("binance", 1_000, 1_000), ("coinbase", 6_000, 12_000), ("alpaca", 1_500, 2_500)],
)
def test_profiles_charge_what_the_venues_publish(name: str, maker: int, taker: int) -> None:
    """Fees of the first tier, slippage of 5 to 10 basis points."""
    panel, settings = COST_PROFILES[name].apply(small_panel(10), SimulationSettings())
    tier = panel.instruments[0].fees.tiers[0]
    assert (tier.maker_ppm, tier.taker_ppm) == (maker, taker)
    assert 500 <= settings.slippage <= 1_000


def test_own_costs_leave_everything_as_it_is() -> None:
    """Not even a copy."""
    panel, settings = small_panel(10), SimulationSettings()
    assert OWN.apply(panel, settings) == (panel, settings)


def test_stress_doubles_fees_and_triples_slippage() -> None:
    """Over any profile, tier by tier, never beyond what is possible."""
    panel, settings = cost_profile("coinbase+stress").apply(small_panel(10), SimulationSettings())
    tier = panel.instruments[0].fees.tiers[0]
    assert (tier.maker_ppm, tier.taker_ppm, settings.slippage) == (12_000, 24_000, 3_000)

    tiers = (FeeTier(Decimal(0), 10, 600_000), FeeTier(Decimal(9), 5, 7))
    base = small_panel(10)
    instruments = tuple(replace(one, fees=FeeSchedule(tiers)) for one in base.instruments)
    own = cost_profile("stress")
    panel, settings = own.apply(
        replace(base, instruments=instruments), SimulationSettings(slippage=300_000)
    )
    found = panel.instruments[0].fees.tiers
    assert [one.maker_ppm for one in found] == [20, 10]
    assert [one.taker_ppm for one in found] == [999_999, 14]
    assert settings.slippage == 500_000
    assert own.name == "stress"


@pytest.mark.parametrize("name", ["bitmex", "binance+", "binance+panic", "+stress", ""])
def test_unknown_profiles_name_the_known(name: str) -> None:
    """The mend lists them."""
    with pytest.raises(NotFound) as refused:
        cost_profile(name)
    assert "coinbase" in refused.value.mend


def test_stress_costs_more() -> None:
    """The same bars, dearer."""
    usual = small_backtest(costs=cost_profile("binance"), resamples=0)
    dear = small_backtest(costs=cost_profile("binance+stress"), resamples=0)
    assert dear.costs.fee > usual.costs.fee
    assert dear.costs.slippage > usual.costs.slippage
    assert dear.cost_profile == "binance+stress"
    np.testing.assert_array_equal(dear.panel.close, usual.panel.close)
