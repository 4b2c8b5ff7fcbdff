"""Sizes at their limits: what is cut, in which order, and what is said; losses at their base."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from mettle.domain.errors import ConfigError
from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, Purpose, Reduction, Side, intent_id
from mettle.domain.risk import (
    Approved,
    AssetExposure,
    AtrStops,
    BreakerEventKind,
    BreakerRule,
    Breakers,
    BreakerState,
    Exposure,
    Mode,
    Phase,
    Refused,
    RiskEngine,
    RiskProfile,
    margin_reductions,
    protective_levels,
)
from mettle.domain.risk.measures import reaches
from mettle.domain.risk.sizing import largest
from mettle.domain.simulation import AssetState

BTC, SWAP = Symbol("BTC", "USDT"), Symbol.parse("BTC/USDT:USDT")
HOUR, DAY = 3_600_000, 86_400_000
MONEY = 10_000 * 10**8
UNIT = 10**6
CRITICAL = BreakerRule(200_000, critical=True)


def account(*assets: AssetExposure, equity: int = MONEY, maintenance: int = 0) -> Exposure:
    """Return an account."""
    return Exposure("a", equity, equity, {one.symbol: one for one in assets}, maintenance)


def held(lots: int = 0, symbol: Symbol = BTC, least: int = 0) -> AssetExposure:
    """Return so many lots, each worth 1."""
    return AssetExposure(symbol, lots, 0, 0, 100, UNIT, least)


def buy(lots: int, closes: int = 0) -> Opening:
    """Return an opening."""
    return Opening("a", BTC, Side.BUY, lots, 1, closes)


def judge(
    profile: RiskProfile,
    intent: Opening,
    exposure: Exposure,
    breakers: Breakers | None = None,
    stop_distance: int | None = None,
) -> Approved | Refused:
    """Judge at 7."""
    told = breakers or Breakers(profile)
    engine = RiskEngine(profile)
    return engine.judge(intent, exposure, told, Mode.ACTIVE, 7, stop_distance=stop_distance)


def approved(*arguments: object, **more: object) -> Approved:
    """Judge, and insist on an approval."""
    verdict = judge(*arguments, **more)  # type: ignore[arg-type]  # passed on
    assert isinstance(verdict, Approved)
    return verdict


def refused(*arguments: object, **more: object) -> Refused:
    """Judge, and insist on a refusal."""
    verdict = judge(*arguments, **more)  # type: ignore[arg-type]  # passed on
    assert isinstance(verdict, Refused)
    return verdict


# Openings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "found"), [(-1, None), (0, 0), (1, 1), (4, 4), (5, 5), (6, 5), (9, 5)]
)
def test_a_range_is_searched_to_its_ends(most: int, found: int | None) -> None:
    """Nothing, none at all, everything, and what lies between."""
    assert largest(5, lambda lots: lots <= most) == found


@pytest.mark.parametrize("name", ["position", "asset", "exposure", "leverage"])
def test_each_share_cuts_under_its_name(name: str) -> None:
    """To the lot that just fits, with what was asked for rounded up, and the limit."""
    limit = 2_000_000 if name == "leverage" else 200_000
    profile = replace(RiskProfile("t", leverage=None), **{name: limit})  # type: ignore[arg-type]  # ints
    lots = 2_000 * limit // 200_000
    verdict = approved(profile, buy(3 * lots), account(held()))
    assert verdict.intent == buy(lots)
    words = f"{name} would be {limit * 3 // 10_000} % of equity 10000, limit {limit // 10_000} %"
    assert verdict.note == (f"{3 * lots} → {lots} lots: {words}; ask for less or reduce positions")


def test_shares_are_rounded_up_for_people() -> None:
    """A share over the limit is never shown as the limit."""
    equity = 3 * 10**8
    verdict = approved(
        RiskProfile("t", position=333_333), buy(2), account(held(), equity=2 * equity)
    )
    assert "position would be 33.3334 % of equity 6" in verdict.note


def test_one_base_is_one_risk() -> None:
    """Coins and contracts of one base count together, others do not."""
    profile = RiskProfile("t", asset=200_000, leverage=None)
    other = held(5_000, Symbol("ETH", "USDT"))
    assert approved(profile, buy(900), account(held(), held(-1_100, SWAP), other)).note == ""
    cut = approved(profile, buy(901), account(held(), held(-1_100, SWAP), other))
    assert cut.intent == buy(900)


def test_cuts_are_told_in_turn() -> None:
    """Each with what it left, parted by a semicolon."""
    profile = RiskProfile("t", position=200_000, exposure=250_000)
    verdict = approved(profile, buy(5_000), account(held(), held(1_000, Symbol("ETH", "USDT"))))
    first, second = verdict.note.split("; ask for less or reduce positions; ")
    assert first.startswith("5000 → 2000 lots: position would be 50 %")
    assert second.startswith("2000 → 1500 lots: exposure would be 30 %")


@pytest.mark.parametrize(("distance", "lots"), [(None, 1_000), (5, 2_000), (20, 1_000), (1, 5_000)])
def test_the_nearer_stop_sizes_a_trade(distance: int | None, lots: int) -> None:
    """The profile's 10 ticks away, or the strategy's where it is nearer."""
    profile = RiskProfile("t", risk_per_trade=10_000, stop_loss=100_000)
    verdict = approved(profile, buy(5_000), account(held()), stop_distance=distance)
    assert verdict.intent.lots == lots


def test_what_is_not_cut_stays_as_it_was() -> None:
    """Even if what it meant to close has gone since."""
    turn = buy(5, closes=2)
    assert approved(RiskProfile("t"), turn, account(held(0))).intent == turn


def test_what_is_cut_closes_only_what_is_held() -> None:
    """Nothing, less than it meant to, or all of it."""
    profile = RiskProfile("t", position=300)  # three lots of equity 10,000
    for lots, closes in ((0, 0), (-1, 1), (-2, 2), (-3, 2)):
        verdict = judge(profile, buy(9, closes=2), account(held(lots)))
        assert isinstance(verdict, Approved)
        assert verdict.intent == buy(3 - lots, closes=closes)


def test_a_turn_that_may_only_close_closes() -> None:
    """The first limit that leaves nothing to open names the refusal; the exit goes through now."""
    turn = buy(9, closes=2)
    profile = RiskProfile("t", position=200, exposure=200)
    # Two lots may be bought already: one more is just what closes.
    strange = replace(held(-1, least=10**12), buying=2)
    other = held(5_000, Symbol("ETH", "USDT"))
    verdict = refused(profile, turn, account(strange, other))
    assert (verdict.intent, verdict.rule) == (turn, "position")
    assert "least order" not in verdict.reason
    exit_ = Reduction("a", BTC, Side.BUY, 1, 1, Purpose.REBALANCE)
    assert verdict.instead is not None
    assert (verdict.instead.intent, verdict.instead.judged_at) == (exit_, 7)


@pytest.mark.parametrize(("least", "allowed"), [(2_000, True), (2_001, False)])
def test_the_least_order_is_an_order(least: int, *, allowed: bool) -> None:
    """A cut to just the venue's minimum is sent."""
    verdict = judge(
        RiskProfile("t", position=200_000), buy(5_000), account(held(least=least * 10**8))
    )
    assert isinstance(verdict, Approved) is allowed


def test_the_worst_case_of_a_short_is_the_short() -> None:
    """An order to buy does not make it smaller before it fills."""
    assert [held(-5).worst(change) for change in (-1, 0, 1, 3, 12)] == [6, 5, 5, 5, 7]


TWO = RiskProfile("t", consecutive_losses=BreakerRule(3), daily_loss=BreakerRule(50_000))


def on_trial(*openings: tuple[tuple[str, int], ...]) -> Breakers:
    """Return two loss breakers on trial with the openings they know of."""
    names = ("consecutive_losses", "daily_loss")
    states = [
        BreakerState(name, Phase.HALF_OPEN, openings=known)
        for name, known in zip(names, openings, strict=True)
    ]
    return Breakers(TWO, states)


@pytest.mark.parametrize(
    ("first", "second", "lots"),
    [(None, None, 5), (4, None, 4), (10, None, 5), (None, 3, 5), (9, 8, 9)],
)
def test_several_trials_halve_once(first: int | None, second: int | None, lots: int) -> None:
    """What one of them has approved is not halved again; the first that cuts is the last."""
    identity = intent_id(buy(10))
    known = [() if one is None else ((identity, one),) for one in (first, second)]
    assert approved(TWO, buy(10), account(held()), on_trial(*known)).intent == buy(lots)


# Losses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "base", "limit", "above", "wanted"),
    [
        (1, 0, 10**6, False, True), (0, 0, 1, False, False), (1, -5, 10**6, True, True),
        (1, 1, 10**6, True, False), (1, 1, 10**6, False, True), (-9, 1, 1, False, False),
        (20, 100, 200_000, False, True), (20, 100, 200_000, True, False),
        (21, 100, 200_000, True, True),
    ],
)  # fmt: skip
def test_a_limit_is_reached(
    measure: int, base: int, limit: int, *, above: bool, wanted: bool
) -> None:
    """At it or above it; without a base any loss is too much."""
    assert reaches(measure, base, limit, above=above) is wanted


@pytest.mark.parametrize("name", ["daily_loss", "rolling_loss", "weekly_loss", "drawdown"])
@pytest.mark.parametrize("above", [False, True])
def test_losses_trip_at_or_above_their_limit(name: str, *, above: bool) -> None:
    """20 % to the unit, as the profile says."""
    rule = replace(CRITICAL, window=DAY if name == "rolling_loss" else 0)
    profile = replace(RiskProfile("t", trips_above=above), **{name: rule})  # type: ignore[arg-type]  # rules
    for equity, trips in ((MONEY * 4 // 5, not above), (MONEY * 4 // 5 - 1, True)):
        breakers = Breakers(profile)
        breakers.on_mark(MONEY, 1)
        assert bool(breakers.on_mark(equity, 2)) is trips


@pytest.mark.parametrize("name", ["daily_loss", "rolling_loss", "weekly_loss", "drawdown"])
def test_nothing_cannot_be_lost(name: str) -> None:
    """An account that begins empty has lost nothing; one unit of it is everything."""
    rule = replace(CRITICAL, window=DAY if name == "rolling_loss" else 0)
    profile = replace(RiskProfile("t"), **{name: rule})  # type: ignore[arg-type]  # rules
    assert Breakers(profile).on_mark(0, 1) == []
    breakers = Breakers(profile)
    breakers.on_mark(1, 1)
    (event,) = breakers.on_mark(0, 2)
    assert event.text.startswith("lost 100 % from 0.00000001 to 0, limit 20 %")


def test_losses_are_said_in_whole_millionths() -> None:
    """A third is 33.3333 %."""
    breakers = Breakers(RiskProfile("t", drawdown=CRITICAL))
    breakers.on_mark(3 * 10**8, 1)
    (event,) = breakers.on_mark(2 * 10**8, 2)
    assert event.text == "lost 33.3333 % from 3 to 2, limit 20 %, an operator must release it"


def test_a_first_day_has_a_beginning() -> None:
    """Small losses of one day add up from its first mark, also on the day it all began."""
    breakers = Breakers(RiskProfile("t", daily_loss=BreakerRule(20_000)))
    assert breakers.on_mark(MONEY, 5 * DAY + 1) == []
    assert breakers.states["daily_loss"].period == 5 * DAY
    assert breakers.on_mark(MONEY * 99 // 100, 5 * DAY + 2) == []
    assert len(breakers.on_mark(MONEY * 98 // 100, 5 * DAY + 3)) == 1


@pytest.mark.parametrize(
    ("first", "second", "shared"), [(4, 7, True), (7, 8, False), (8, 11, True)]
)
def test_parts_of_a_window_are_whole_milliseconds(first: int, second: int, *, shared: bool) -> None:
    """A window of 100 ms has parts of 4."""
    rule = BreakerRule(200_000, window=100)
    breakers = Breakers(RiskProfile("t", rolling_loss=rule, price_jump=rule))
    for at in (first, second):
        breakers.on_mark(MONEY, at)
        breakers.on_price(BTC, 100, at)
    for name in ("rolling_loss", "price_jump BTC/USDT"):
        assert len(breakers.states[name].samples) == (1 if shared else 2)


def test_a_draw_trips_nothing() -> None:
    """Not even where an older profile had allowed longer streaks."""
    state = BreakerState("consecutive_losses", count=5)
    breakers = Breakers(RiskProfile("t", consecutive_losses=BreakerRule(3)), [state])
    assert breakers.on_closed_trade(0, 1) == []
    assert breakers.states["consecutive_losses"].count == 5
    (event,) = breakers.on_closed_trade(-1, 2)
    assert event.text == "6 losing trades in a row, limit 3"
    winning = Breakers(RiskProfile("t", consecutive_losses=BreakerRule(3)), [state])
    winning.on_closed_trade(1, 1)
    assert winning.states["consecutive_losses"].count == 0


def test_one_trade_may_trip_several() -> None:
    """A streak that is complete and a trial that is lost, both told."""
    streak = BreakerState("consecutive_losses", count=2)
    trial = BreakerState("daily_loss", Phase.HALF_OPEN, openings=(("x", 1),))
    events = Breakers(TWO, [streak, trial]).on_closed_trade(-1, 5)
    assert [(one.name, one.kind) for one in events] == [
        ("consecutive_losses", BreakerEventKind.TRIPPED),
        ("daily_loss", BreakerEventKind.TRIPPED),
    ]


# Reviews ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("above", [False, True])
def test_a_review_is_called_once_a_fall(*, above: bool) -> None:
    """At its limit or above it; again only after a new high, not at the old one."""
    profile = RiskProfile("t", drawdown=CRITICAL, drawdown_review=100_000, trips_above=above)
    breakers = Breakers(profile)
    low = MONEY * 9 // 10
    breakers.on_mark(MONEY, 1)
    assert bool(breakers.on_mark(low, 2)) is not above
    again = breakers.on_mark(low - 1, 3)
    assert [one.text for one in again] == (
        ["review: the drawdown has reached 10 %"] if above else []
    )
    assert breakers.states["drawdown"].count == 1
    breakers.on_mark(MONEY, 4)
    assert breakers.on_mark(low - 1, 5) == []
    breakers.on_mark(MONEY + 1, 6)
    assert breakers.states["drawdown"].count == 0
    (event,) = breakers.on_mark(low - 1, 7)
    assert (event.kind, event.text) == (
        BreakerEventKind.REVIEW,
        "review: the drawdown has reached 10 %",
    )


def test_a_win_on_trial_calls_off_the_review() -> None:
    """The next fall is looked at anew."""
    profile = RiskProfile("t", drawdown=CRITICAL, drawdown_review=100_000)
    state = BreakerState("drawdown", Phase.HALF_OPEN, count=1, openings=(("x", 1),), baseline=9)
    breakers = Breakers(profile, [state])
    breakers.on_closed_trade(5, 1)
    assert (breakers.states["drawdown"].phase, breakers.states["drawdown"].count) == (
        Phase.CLOSED,
        0,
    )


# Margin and stops ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soft", "hard", "gross", "cut"),
    [
        (800_000, 900_000, 1_000, 200 + 1),
        (999_999, 1_000_000, 999_999, 1),
        (800_000, 900_000, 1, 1),
    ],
)
def test_cuts_go_just_under_the_soft_limit(soft: int, hard: int, gross: int, cut: int) -> None:
    """With lots of one unit: at the limit itself is not under it, and no lot more is cut."""
    profile = RiskProfile("t", margin=BreakerRule(hard, critical=True), margin_soft=soft)
    small = AssetExposure(SWAP, gross, 0, 0, 1, 1)
    whole = account(small, equity=1, maintenance=1)
    (found,) = margin_reductions(profile, whole, 7)
    assert found.lots == cut
    kept = Fraction(gross - cut, gross)
    assert kept < Fraction(soft, 10**6) <= kept + Fraction(1, gross)


def test_of_two_stops_of_one_kind_the_nearer_acts() -> None:
    """The profile's distance or the ATR's, for a single lot long and short."""
    profile = RiskProfile("t", stop_loss=20_000, atr_stop_low=1_000_000, atr_stop_high=3_000_000)
    for lots, atr, level in ((1, 10, 990), (1, 50, 980), (-1, 10, 1_010), (-1, 50, 1_020)):
        state = AssetState(lots, 1_000 * UNIT, 1_000, 0)
        assert protective_levels(profile, state, UNIT, AtrStops(atr)).stop == level


def test_a_share_out_of_range_is_named_by_its_key() -> None:
    """The soft limit's has a point in it."""
    with pytest.raises(
        ConfigError, match=r"risk\.margin\.soft must lie above 0 and at most at 100 %"
    ):
        RiskProfile("t", margin_soft=0)
    with pytest.raises(ConfigError, match=r"risk\.position_low must lie above 0"):
        RiskProfile("t", position_low=0)
