"""Breakers: the paths that one story shows best."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, Side
from mettle.domain.risk import (
    BreakerEventKind,
    BreakerRule,
    Breakers,
    BreakerState,
    Mode,
    Phase,
    RiskProfile,
)
from mettle.domain.risk.rules import duration, percent

HOUR, DAY = 3_600_000, 86_400_000
BTC = Symbol.parse("BTC/USDT")
MONEY = 10_000 * 10**8


def test_a_day_is_utc_and_its_loss_counts_from_the_last_mark_before_it() -> None:
    """A loss over midnight belongs to the new day; a limit trips at its value."""
    breakers = Breakers(RiskProfile("t", daily_loss=BreakerRule(20_000, next_period=True)))
    assert breakers.on_mark(MONEY, DAY - 1) == []
    events = breakers.on_mark(MONEY * 98 // 100, DAY)
    assert [event.text for event in events] == ["lost 2 % from 10000 to 9800, limit 2 %"]
    state = breakers.states["daily_loss"]
    assert (state.since, state.until, state.critical) == (DAY, 2 * DAY, False)
    assert breakers.on_reconciliation(2 * DAY - 1, clean=True) == []
    assert breakers.on_reconciliation(2 * DAY, clean=False) == []
    (released,) = breakers.on_reconciliation(2 * DAY, clean=True)
    assert released.kind is BreakerEventKind.ON_TRIAL
    assert breakers.states["daily_loss"].baseline == MONEY * 98 // 100


@pytest.mark.parametrize(("above", "trips"), [(False, 1), (True, 0)])
def test_timeline_trips_above_its_value(above: bool, trips: int) -> None:
    """At the value strict trips and timeline does not; beyond it both do."""
    profile = RiskProfile(
        "t",
        trips_above=above,
        drawdown=BreakerRule(200_000, critical=True),
        consecutive_losses=BreakerRule(2),
        api_latency=BreakerRule(5_000),
        api_failures=BreakerRule(2, window=HOUR),
        price_jump=BreakerRule(200_000, window=HOUR),
    )
    breakers = Breakers(profile)
    breakers.on_mark(MONEY, 0)
    breakers.on_price(BTC, 100, 0)
    breakers.on_api_failure(0)
    breakers.on_closed_trade(-1, 0)
    assert len(breakers.on_mark(MONEY * 80 // 100, 1)) == trips
    assert len(breakers.on_price(BTC, 120, 1)) == trips
    assert len(breakers.on_api_failure(1)) == trips
    assert len(breakers.on_closed_trade(-1, 1)) == trips
    assert len(breakers.on_api_latency(5_000, 1)) == trips
    assert len(breakers.on_mark(MONEY * 80 // 100 - 1, 2)) == 1 - trips
    assert len(breakers.on_price(BTC, 121, 2)) == 1 - trips
    assert len(breakers.on_api_failure(2)) == 1 - trips
    assert len(breakers.on_closed_trade(-1, 2)) == 1 - trips
    assert len(breakers.on_api_latency(5_001, 2)) == 1 - trips


def test_a_review_is_called_once_a_peak() -> None:
    """It stops nothing and comes again only after a new peak."""
    profile = RiskProfile(
        "t", drawdown=BreakerRule(200_000, critical=True), drawdown_review=150_000
    )
    breakers = Breakers(profile)
    breakers.on_mark(100, 0)
    (review,) = breakers.on_mark(85, 1)
    assert review.kind is BreakerEventKind.REVIEW
    assert breakers.on_mark(84, 2) == []
    breakers.on_mark(200, 3)
    assert [event.kind for event in breakers.on_mark(170, 4)] == [BreakerEventKind.REVIEW]
    assert breakers.blocking(BTC) is None


def test_equity_that_is_gone_trips_everything() -> None:
    """From nothing to less than nothing is a loss without a percentage."""
    breakers = Breakers(RiskProfile("t", daily_loss=BreakerRule(500_000)))
    breakers.on_mark(0, 0)
    (event,) = breakers.on_mark(-5, 1)
    assert event.text.startswith("lost everything from 0")


def test_a_trial_ends_by_winning_or_losing_the_one_trade() -> None:
    """A win closes, a loss trips again, a draw allows another."""
    breakers = Breakers(RiskProfile("t", consecutive_losses=BreakerRule(2, recovery=10)))
    opening = Opening("a", BTC, Side.BUY, 2, 1)
    breakers.on_closed_trade(-1, 0)
    breakers.on_closed_trade(-1, 0)
    breakers.on_reconciliation(10, clean=True)
    assert breakers.on_closed_trade(5, 11) == [], "that trade was none of the trial's"
    breakers.on_opening(opening, 12)
    assert breakers.on_closed_trade(0, 13) == []
    assert breakers.trials()[0].openings == ()
    breakers.on_opening(opening, 14)
    (lost,) = breakers.on_closed_trade(-1, 15)
    assert (lost.kind, lost.text) == (BreakerEventKind.TRIPPED, "the trade on trial lost")
    breakers.on_reconciliation(25, clean=True)
    breakers.on_opening(opening, 26)
    (won,) = breakers.on_closed_trade(1, 27)
    assert won.kind is BreakerEventKind.CLOSED
    assert breakers.states["consecutive_losses"].phase is Phase.CLOSED


def test_failures_on_trial_and_after_a_quiet_window() -> None:
    """One failure on trial trips again; a whole window without one closes."""
    profile = RiskProfile("t", api_failures=BreakerRule(2, window=HOUR, recovery=10))
    breakers = Breakers(profile)
    breakers.on_api_failure(0)
    breakers.on_api_failure(0)
    breakers.on_reconciliation(10, clean=True)
    (again,) = breakers.on_api_failure(11)
    assert again.text == "failed again while on trial"
    breakers.on_reconciliation(21, clean=True)
    (quiet,) = breakers.on_reconciliation(21 + HOUR, clean=False)
    assert (quiet.kind, quiet.text) == (BreakerEventKind.CLOSED, "quiet again")


def test_flows_are_neither_profit_nor_loss() -> None:
    """A withdrawal of half trips nothing, and hides no loss either."""
    rule = BreakerRule(100_000, window=DAY)
    breakers = Breakers(RiskProfile("t", rolling_loss=rule, daily_loss=BreakerRule(100_000)))
    assert breakers.on_flow(-MONEY // 2, 0) == []
    breakers.on_mark(MONEY, 1)
    breakers.on_flow(-MONEY // 2, 2)
    assert breakers.on_mark(MONEY // 2, 3) == []
    assert len(breakers.on_mark(MONEY // 2 - MONEY // 20, 4)) == 2


def test_open_breakers_rule_the_mode() -> None:
    """A rolling loss pauses, the others reduce; a jump is its symbol's."""
    profile = RiskProfile(
        "t",
        rolling_loss=BreakerRule(100_000, window=DAY),
        daily_loss=BreakerRule(50_000),
        price_jump=BreakerRule(200_000, window=HOUR),
    )
    breakers = Breakers(profile)
    assert breakers.on_price(BTC, 0, 0) == []
    breakers.on_price(BTC, 100, 0)
    breakers.on_price(BTC, 50, 1)
    breakers.on_mark(MONEY, 0)
    breakers.on_mark(MONEY // 2, 5)
    causes = {(one.cause, one.symbol, one.mode, one.since) for one in breakers.causes("a")}
    assert causes == {
        ("breaker rolling_loss", "", Mode.PAUSED, 5),
        ("breaker daily_loss", "", Mode.REDUCING, 5),
        ("breaker price_jump", "BTC/USDT", Mode.REDUCING, 1),
    }


def test_another_profile_releases_nothing() -> None:
    """A breaker that was tripped outlives its rule, and then closes by the same door."""
    tripped = Breakers(RiskProfile("t", api_latency=BreakerRule(5_000, recovery=HOUR)))
    tripped.on_api_latency(5_000, 0)
    breakers = Breakers(RiskProfile("free"), tripped.states.values())
    assert breakers.on_api_latency(9_000, 1) == []
    assert breakers.blocking(BTC) is not None
    assert breakers.on_reconciliation(HOUR - 1, clean=True) == []
    assert [one.kind for one in breakers.on_reconciliation(HOUR, clean=True)] == [
        BreakerEventKind.CLOSED
    ]
    assert breakers.blocking(BTC) is None


def test_another_profile_ends_a_trial() -> None:
    """A trial by a rule that is gone binds nobody."""
    tripped = Breakers(RiskProfile("t", consecutive_losses=BreakerRule(1)))
    tripped.on_closed_trade(-1, 0)
    tripped.on_reconciliation(0, clean=True)
    assert len(tripped.trials()) == 1
    assert Breakers(RiskProfile("free"), tripped.states.values()).trials() == []


def test_an_operators_clock_sets_a_wrong_one_right() -> None:
    """A breaker tripped by a clock far ahead can be brought back to today."""
    breakers = Breakers(RiskProfile("t", api_latency=BreakerRule(5_000, recovery=HOUR)))
    breakers.on_api_latency(5_000, 900 * DAY)
    assert breakers.reset("api_failures", "ann", 0) == []
    (event,) = breakers.reset("api_latency", "ann", DAY)
    assert event.text.startswith("acknowledged by ann")
    assert breakers.states["api_latency"].until == DAY + HOUR
    assert breakers.on_reconciliation(DAY + HOUR, clean=True)
    assert breakers.reset("api_latency", "ann", DAY + HOUR) == []


def test_a_breaker_without_a_rule_hears_nothing() -> None:
    """What a profile does not set is not measured, jumps of prices included."""
    breakers = Breakers(RiskProfile("free"))
    assert breakers.on_mark(1, 0) == breakers.on_margin(10**6, 0) == []
    assert breakers.on_price(BTC, 1, 0) == breakers.on_bad_action(0) == []
    assert list(breakers.states) == ["trades_per_day"]


def test_a_state_of_another_kind_is_refused() -> None:
    """Nothing is guessed: a field too many, and a phase that does not exist."""
    text = BreakerState("daily_loss").to_json()
    for wrong in (text.replace("closed", "ajar"), text.replace("{", '{"more":1,', 1), "7"):
        with pytest.raises(InvalidValue, match="cannot be read"):
            BreakerState.from_json(wrong)
    assert replace(BreakerState("x"), phase=Phase.OPEN).may_leave(0)


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0s"), (1_500, "1500ms"), (90_000, "90s"), (DAY * 2, "2d")]
)
def test_durations_are_exact(milliseconds: int, text: str) -> None:
    """In the largest unit that holds them."""
    assert duration(milliseconds) == text
    assert percent(milliseconds or 15_000) != ""
