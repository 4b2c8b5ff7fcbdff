"""What holds of risk on every account, in every life of a breaker, with every clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, Purpose, Reduction, Side
from mettle.domain.risk import (
    Approved,
    AssetExposure,
    BreakerEventKind,
    BreakerRule,
    Breakers,
    BreakerState,
    Exposure,
    Mode,
    Phase,
    RiskEngine,
    RiskProfile,
    half_size,
    lots_at_risk,
)
from mettle.domain.risk.rules import KINDS, WEEK
from tests.support import risk_oracle as oracle
from tests.support.risk_play import BREAKING, BTC, DAY, EQUITY, START, draw, live, on_margin

SEEDS = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_breakers_live_by_their_rules(seed: int) -> None:
    """Limits, releases, trials and restarts are those of the whole story told again."""
    story = live(seed)
    for rule in oracle.BREAKER_RULES:
        rule(story)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_verdicts_keep_every_limit(seed: int) -> None:
    """I9: approvals keep every limit in the worst case, cuts are as small as they can be."""
    for judged in draw(seed, 30):
        for rule in oracle.ENGINE_RULES:
            rule(judged)


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_margin_cuts_are_enough_and_no_more(seed: int) -> None:
    """The hard limit brings usage under the soft one, largest position first."""
    oracle.margin_cuts_suffice(on_margin(seed))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, DAY)), max_size=40))
def test_a_profit_never_trips_a_loss_breaker(rises: list[tuple[int, int]]) -> None:
    """Equity that only rises, however fast, and trades that only win trip nothing."""
    breakers, equity, now = Breakers(BREAKING), EQUITY, START
    for gain, pause in rises:
        equity, now = equity + equity * gain // 10**5, now + pause
        assert breakers.on_mark(equity, now) == []
        assert breakers.on_closed_trade(gain, now) == []


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([name for name, kind in KINDS.items() if kind.loss]),
    st.lists(st.integers(-10 * DAY, 0), max_size=10),
)
def test_a_clock_that_jumps_back_keeps_them_tripped(name: str, jumps: list[int]) -> None:
    """However often it is reconciled before its time, an OPEN breaker stays OPEN."""
    breakers = Breakers(BREAKING)
    breakers.on_mark(EQUITY, START)
    breakers.on_mark(EQUITY // 2, START)
    for _ in range(3):
        breakers.on_closed_trade(-1, START)
    assert breakers.states[name].phase is Phase.OPEN
    breakers.reset(name, "tester", START)
    for jump in jumps:
        breakers.on_reconciliation(START + jump, clean=True)
        breakers.on_mark(EQUITY // 2, START + jump)
        assert breakers.states[name].phase is Phase.OPEN


@given(st.integers(-3 * WEEK, 200 * 366 * DAY))
def test_weeks_are_those_of_iso(now: int) -> None:
    """The week's loss starts anew on Monday, 00:00 UTC."""
    start = KINDS["weekly_loss"].period_start(now)
    assert start <= now < start + WEEK
    assert oracle.moment(start).isoweekday() == 1
    assert oracle.moment(start).time().isoformat() == "00:00:00"


@settings(max_examples=50, deadline=None)
@given(
    st.integers(-500, 500).filter(bool),
    st.integers(1, 800),
    st.sampled_from([Mode.ACTIVE, Mode.REDUCING]),
    st.sampled_from(list(Purpose)),
)
def test_no_breaker_holds_an_exit_up(held: int, lots: int, mode: Mode, purpose: Purpose) -> None:
    """With every breaker OPEN, no equity and margin used up, exits still pass."""
    breakers = Breakers(BREAKING)
    breakers.on_mark(EQUITY, START)
    breakers.on_mark(1, START)
    for _ in range(4):
        breakers.on_api_failure(START)
        breakers.on_bad_action(START)
        breakers.on_closed_trade(-1, START)
    breakers.on_margin(10**6, START)
    breakers.on_api_latency(10**6, START)
    breakers.on_price(BTC, 100, START)
    breakers.on_price(BTC, 1, START)
    phases = {state.phase for name, state in breakers.states.items() if name != "trades_per_day"}
    assert phases == {Phase.OPEN}
    side = Side.SELL if held > 0 else Side.BUY
    account = Exposure("a", -5, -5, {BTC: AssetExposure(BTC, held, 9, 9, 100, 10**6)}, 10**9)
    exit_ = Reduction("a", BTC, side, lots, 1, purpose)
    verdict = RiskEngine(BREAKING).judge(exit_, account, breakers, mode, START)
    assert isinstance(verdict, Approved)
    assert verdict.intent.lots == min(lots, abs(held))


@given(st.integers(1, 10**18), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**8))
def test_size_from_stop_distance(equity: int, risk: int, distance: int, unit: int) -> None:
    """The stop of that many lots loses no more than the risk; of one lot more it would."""
    lots = lots_at_risk(equity, risk, distance, unit)
    assert lots * distance * unit * 10**6 <= equity * risk
    assert (lots + 1) * distance * unit * 10**6 > equity * risk


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_half_size_halves_what_opens(opens: int, closes: int) -> None:
    """Never more than half of what opens, and all of what closes."""
    half = half_size(opens + closes, closes)
    assert closes + opens / 2 - 1 < half <= closes + opens / 2


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_states_are_read_back_or_refused(seed: int) -> None:
    """JSON is canonical; a text that was changed by hand is refused."""
    for state in live(seed, 40)[-1].after.values():
        text = state.to_json()
        assert BreakerState.from_json(text) == state
        for wrong in (text[:-1], text.replace('"since"', '"sinse"'), text + " ", f"[{text}]"):
            with pytest.raises(InvalidValue, match="backup"):
                BreakerState.from_json(wrong)


@given(st.integers(3, 6), st.integers(1, 40))
def test_the_third_trip_within_a_month_needs_an_operator(trips: int, days: int) -> None:
    """Automatic recovery ends with the third trip within 30 days."""
    profile = RiskProfile("t", api_latency=BreakerRule(5_000, recovery=1))
    breakers, now = Breakers(profile), START
    for number in range(trips):
        events = breakers.on_api_latency(5_000, now)
        recent = number >= 2 and 2 * days * DAY < 30 * DAY
        assert [event.critical for event in events] == [recent]
        released = breakers.on_reconciliation(now + 1, clean=True)
        assert (released == []) is recent
        if recent:
            acknowledged = breakers.reset("api_latency", "me", now + 2)
            assert [event.kind for event in acknowledged] == [BreakerEventKind.ACKNOWLEDGED]
            assert breakers.on_reconciliation(now + 2, clean=True)
        now += days * DAY


@given(st.sampled_from(["ETH/USDT", "BTC/USDT:USDT"]))
def test_a_jump_is_a_symbols_own(text: str) -> None:
    """One symbol's jump does not stop another."""
    breakers = Breakers(BREAKING)
    breakers.on_price(BTC, 100, START)
    assert breakers.on_price(BTC, 120, START + 1)
    other = Symbol.parse(text)
    account = Exposure(
        "a",
        EQUITY,
        EQUITY,
        {symbol: AssetExposure(symbol, 0, 0, 0, 100, 10**6) for symbol in (BTC, other)},
    )
    engine = RiskEngine(BREAKING)
    verdicts = [
        engine.judge(Opening("a", symbol, Side.BUY, 1, 1), account, breakers, Mode.ACTIVE, START)
        for symbol in (BTC, other)
    ]
    assert [isinstance(verdict, Approved) for verdict in verdicts] == [False, True]
