"""The risk engine: what it says when it cuts and refuses, and where stops lie."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.domain.errors import InvalidValue, MettleError
from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, Purpose, Reduction, Side
from mettle.domain.risk import (
    Approved,
    AssetExposure,
    AtrStops,
    BreakerRule,
    Breakers,
    Exposure,
    MarginAction,
    Mode,
    Phase,
    Refused,
    RiskEngine,
    RiskProfile,
    StopLevels,
    margin_reductions,
    margin_usage,
    protective_levels,
    risk_distance,
)
from mettle.domain.simulation import AssetState

BTC, SWAP = Symbol.parse("BTC/USDT"), Symbol.parse("BTC/USDT:USDT")
EQUITY = 10_000 * 10**8
UNIT = 10**6
"""One lot at one tick is 0.01 of the quote currency: 100 ticks make a lot worth 1."""


def account(lots: int = 0, **changes: int) -> Exposure:
    """Return an account of 10,000 with a price of 100 ticks, so that a lot is worth 1."""
    kept = {key: value for key, value in changes.items() if key not in {"equity", "maintenance"}}
    asset = replace(AssetExposure(BTC, lots, 0, 0, 100, UNIT), **kept)  # type: ignore[arg-type]  # ints
    equity = changes.get("equity", EQUITY)
    return Exposure("a", equity, equity, {BTC: asset}, changes.get("maintenance", 0))


def buy(lots: int, closes: int = 0, at: int = 1) -> Opening:
    """Return an opening."""
    return Opening("a", BTC, Side.BUY, lots, at, closes)


def judge(
    profile: RiskProfile, intent: Opening | Reduction, held: Exposure, mode: Mode = Mode.ACTIVE
) -> Approved | Refused:
    """Judge with nothing tripped."""
    return RiskEngine(profile).judge(intent, held, Breakers(profile), mode, 7)


def test_an_opening_is_cut_to_what_fits_and_says_so() -> None:
    """10 % of 10,000 are 1,000 lots of 1."""
    verdict = judge(RiskProfile("t", position=100_000), buy(2_500), account())
    assert isinstance(verdict, Approved)
    assert verdict.intent == buy(1_000)
    assert verdict.reserved == 1_000 * 10**8
    assert verdict.judged_at == 7
    assert verdict.note.startswith("2500 → 1000 lots: position would be 25 % of equity 10000")


def test_each_limit_cuts_in_its_turn_and_the_last_names_the_refusal() -> None:
    """What a smaller limit leaves may be under the venue's least order."""
    profile = RiskProfile("t", position=100_000, risk_per_trade=10)
    verdict = judge(profile, buy(2_500), account(min_notional=10**8))
    assert isinstance(verdict, Refused)
    assert verdict.rule == "risk_per_trade"
    assert "0 lots at a risk of 0.001 %" in verdict.reason
    verdict = judge(
        RiskProfile("t", position=100_000), buy(2_500), account(min_notional=1_001 * 10**8)
    )
    assert isinstance(verdict, Refused)
    assert verdict.rule == "position"
    assert "1000 is under the least order of 1001" in verdict.reason


def test_a_small_order_that_nothing_cut_is_not_for_the_engine_to_refuse() -> None:
    """The least order is the venue's rule; risk only keeps from cutting under it."""
    verdict = judge(RiskProfile("t", position=100_000), buy(5), account(min_notional=10**12))
    assert isinstance(verdict, Approved)


def test_an_opening_is_refused_with_its_exit() -> None:
    """A flip that may not open still closes; what is no longer held is not closed."""
    profile = RiskProfile("t", position=100_000)
    verdict = judge(profile, buy(3_000, closes=1_500), account(-1_500))
    assert isinstance(verdict, Refused)
    assert verdict.instead is not None
    assert verdict.instead.intent == Reduction("a", BTC, Side.BUY, 1_500, 1, Purpose.REBALANCE)
    stale = judge(profile, buy(3_000, closes=1_500), account(-200), Mode.REDUCING)
    assert isinstance(stale, Refused)
    assert stale.rule == "mode"
    assert stale.instead is not None
    assert stale.instead.intent.lots == 200
    assert stale.instead.note == "1500 → 200 lots: more is not held"
    none = judge(profile, buy(3_000, closes=1_500), account(-200), Mode.PAUSED)
    assert isinstance(none, Refused)
    assert none.instead is None


def test_a_flip_within_the_limits_is_cut_but_keeps_what_it_closes() -> None:
    """Of 3,000 lots 500 close a short, 1,000 fit."""
    verdict = judge(RiskProfile("t", position=100_000), buy(3_000, closes=500), account(-500))
    assert isinstance(verdict, Approved)
    assert verdict.intent == buy(1_500, closes=500)


@pytest.mark.parametrize(
    ("held", "rule", "said"),
    [
        (account(equity=0), "equity", "equity is 0"),
        (account(mark=0), "mark", "has no price"),
        (Exposure("a", EQUITY, EQUITY, {}), "mark", "has no price"),
        (account(maintenance=EQUITY * 8 // 10), "margin.soft", "margin usage is 80 %"),
    ],
)
def test_what_cannot_be_measured_is_not_opened(held: Exposure, rule: str, said: str) -> None:
    """Without price or equity, or with margin used up, nothing opens."""
    verdict = judge(RiskProfile("t", margin_soft=800_000), buy(1), held)
    assert isinstance(verdict, Refused)
    assert verdict.rule == rule
    assert said in verdict.reason


@pytest.mark.parametrize("mode", [Mode.REDUCING, Mode.PAUSED, Mode.KILLED])
def test_modes_stop_openings(mode: Mode) -> None:
    """Only ACTIVE opens."""
    verdict = judge(RiskProfile("t"), buy(1), account(), mode)
    assert isinstance(verdict, Refused)
    assert mode.name in verdict.reason


def test_a_reduction_needs_something_to_reduce() -> None:
    """A sell reduces no short, and nothing reduces what is not held."""
    sell = Reduction("a", BTC, Side.SELL, 5, 1, Purpose.STOP)
    for held in (account(0), account(-5), Exposure("a", EQUITY, EQUITY, {})):
        verdict = judge(RiskProfile("t"), sell, held)
        assert isinstance(verdict, Refused)
        assert verdict.rule == "held"
    refused = judge(RiskProfile("t"), sell, account(5), Mode.KILLED)
    assert isinstance(refused, Refused)
    assert refused.rule == "mode"


def test_an_approval_is_made_by_the_engine_alone() -> None:
    """Nobody else holds the seal."""
    with pytest.raises(MettleError, match="defect"):
        Approved(buy(1), 0, 0)


def on_trial() -> Breakers:
    """Return breakers of which one is on trial."""
    breakers = Breakers(RiskProfile("t", consecutive_losses=BreakerRule(1, recovery=10)))
    breakers.on_closed_trade(-1, 0)
    breakers.on_reconciliation(10, clean=True)
    assert breakers.states["consecutive_losses"].phase is Phase.HALF_OPEN
    return breakers


def test_a_trial_keeps_the_half_size_when_it_is_judged_again() -> None:
    """The next leg of the one opening is not halved twice, and never grows."""
    breakers, engine = on_trial(), RiskEngine(RiskProfile("t"))
    first = engine.judge(buy(9), account(), breakers, Mode.ACTIVE, 11)
    assert isinstance(first, Approved)
    assert isinstance(first.intent, Opening)
    assert first.intent.lots == 4
    breakers.on_opening(first.intent, 11)
    again = engine.judge(first.intent, account(), breakers, Mode.ACTIVE, 12)
    assert again == replace(first, judged_at=12, note="")
    greedy = engine.judge(buy(9), account(), breakers, Mode.ACTIVE, 12)
    assert isinstance(greedy, Approved)
    assert greedy.intent.lots == 4
    other = engine.judge(buy(1, at=2), account(), breakers, Mode.ACTIVE, 12)
    assert isinstance(other, Refused)
    assert "its one opening is out" in other.reason
    breakers.on_unfilled_opening(first.intent, 13)
    assert isinstance(engine.judge(buy(2, at=2), account(), breakers, Mode.ACTIVE, 13), Approved)


def test_half_of_one_lot_is_none() -> None:
    """The least opening on trial is two lots."""
    verdict = RiskEngine(RiskProfile("t")).judge(buy(1), account(), on_trial(), Mode.ACTIVE, 11)
    assert isinstance(verdict, Refused)
    assert verdict.rule == "consecutive_losses"
    assert "half the size" in verdict.reason


def test_an_open_breaker_says_what_it_waits_for() -> None:
    """Time and a pass, or an operator."""
    profile = RiskProfile("t", drawdown=BreakerRule(100_000, critical=True))
    breakers, engine = Breakers(profile), RiskEngine(profile)
    breakers.on_mark(EQUITY, 0)
    breakers.on_mark(EQUITY // 2, 0)
    waits = engine.judge(buy(1), account(), breakers, Mode.ACTIVE, 1)
    assert isinstance(waits, Refused)
    assert "mettle risk reset drawdown" in waits.reason
    assert "lost 50 % from 10000 to 5000, limit 10 %" in waits.reason
    assert [event.critical for event in breakers.reset("drawdown", "ann", 2)] == [True]
    signed = engine.judge(buy(1), account(), breakers, Mode.ACTIVE, 3)
    assert isinstance(signed, Refused)
    assert "clean reconciliation" in signed.reason


def test_a_day_has_so_many_openings() -> None:
    """The next leg of one that counts already passes."""
    profile = RiskProfile("t", trades_per_day=1)
    breakers, engine = Breakers(profile), RiskEngine(profile)
    breakers.on_opening(buy(1), 5)
    assert isinstance(engine.judge(buy(1), account(), breakers, Mode.ACTIVE, 6), Approved)
    other = engine.judge(buy(1, at=2), account(), breakers, Mode.ACTIVE, 6)
    assert isinstance(other, Refused)
    assert other.rule == "trades_per_day"
    late = engine.judge(buy(1, at=2), account(), breakers, Mode.ACTIVE, 86_400_000)
    assert isinstance(late, Approved)


def test_risk_distance_is_that_of_the_nearest_stop() -> None:
    """Without a stop the whole price is at risk; a stop's distance is rounded up."""
    assert risk_distance(100, None, None) == 100
    assert risk_distance(101, 30_000, None) == 4
    assert risk_distance(100, 30_000, 2) == 2
    assert risk_distance(100, 30_000, 9) == 3
    assert risk_distance(100, None, 0) == 1


def test_margin_usage_and_its_guard() -> None:
    """Rounded up; endless without equity; close means everything; no limit, no cut."""
    held = Exposure("a", 300, 0, {SWAP: AssetExposure(SWAP, -7, 0, 0, 100, 1)}, 299)
    assert margin_usage(held) == 996_667
    assert margin_usage(replace(held, equity=0)) == 10**12
    assert margin_usage(replace(held, maintenance=0)) == 0
    close = RiskProfile(
        "t",
        margin_soft=800_000,
        margin=BreakerRule(900_000, critical=True),
        margin_action=MarginAction.CLOSE,
    )
    cut = Reduction("a", SWAP, Side.BUY, 7, 9, Purpose.MARGIN)
    assert margin_reductions(close, held, 9) == (cut,)
    assert margin_reductions(RiskProfile("t"), held, 9) == ()
    assert margin_reductions(close, replace(held, assets={}), 9) == ()
    unpriced = AssetExposure(BTC, 3, 0, 0, 0, 1)
    spot = replace(held, assets={BTC: unpriced})
    assert margin_reductions(close, spot, 9)[0].lots == 3


LONG, SHORT = AssetState(10, 10 * 100 * UNIT, 120, 3), AssetState(-10, 10 * 100 * UNIT, 80, 3)


@pytest.mark.parametrize(
    ("profile", "state", "atr", "expected", "nearest"),
    [
        (RiskProfile("t"), LONG, None, StopLevels(None, None), None),
        (RiskProfile("t", stop_loss=30_000), LONG, None, StopLevels(97, None), 97),
        (RiskProfile("t", stop_loss=30_000), SHORT, None, StopLevels(103, None), 103),
        (
            RiskProfile("t", stop_loss=30_000, trailing_stop=50_000),
            LONG,
            None,
            StopLevels(97, 114),
            114,
        ),
        (RiskProfile("t", trailing_stop=50_000), SHORT, None, StopLevels(None, 84), 84),
        (RiskProfile("t", stop_loss=999_999), LONG, None, StopLevels(None, None), None),
    ],
)
def test_stops_lie_where_the_market_step_puts_them(
    profile: RiskProfile,
    state: AssetState,
    atr: AtrStops | None,
    expected: StopLevels,
    nearest: int | None,
) -> None:
    """From the entry and from the best price, rounded away from the market."""
    levels = protective_levels(profile, state, UNIT, atr)
    assert levels == expected
    assert levels.nearest(state.lots) == nearest


ATR = RiskProfile(
    "t",
    atr_stop_low=1_500_000,
    atr_stop_high=3_000_000,
    atr_trail_low=500_000,
    atr_trail_high=1_500_000,
)


@pytest.mark.parametrize(
    ("state", "atr", "expected"),
    [
        (LONG, AtrStops(5), StopLevels(92, 117)),
        (SHORT, AtrStops(5), StopLevels(108, 83)),
        (LONG, AtrStops(5, 2_000_000, 1_000_000), StopLevels(90, 115)),
        (LONG, AtrStops(5, 9_000_000, 9_000_000), StopLevels(85, 112)),
        (LONG, AtrStops(5, 1, 1), StopLevels(92, 117)),
        (LONG, None, StopLevels(None, None)),
    ],
)
def test_multiples_of_the_atr_keep_the_profiles_range(
    state: AssetState, atr: AtrStops | None, expected: StopLevels
) -> None:
    """A strategy chooses within the range; without a choice the tightest holds."""
    assert protective_levels(ATR, state, UNIT, atr) == expected
    both = replace(ATR, stop_loss=30_000)
    stop = protective_levels(both, state, UNIT, atr).stop
    assert stop == (97 if state.lots > 0 else 103)


def test_an_atr_is_positive() -> None:
    """A range of nothing would stop every position at once."""
    with pytest.raises(InvalidValue, match="average true range"):
        AtrStops(0)
