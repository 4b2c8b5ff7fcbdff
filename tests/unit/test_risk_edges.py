"""The edges of the risk rules: modes, words, measures at their limits, stops, margin cuts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, OrderIntent, Purpose, Reduction, Side, intent_id
from mettle.domain.risk import (
    Approved,
    AssetExposure,
    AtrStops,
    BreakerEventKind,
    BreakerRule,
    Breakers,
    BreakerState,
    Exposure,
    MarginAction,
    Mode,
    ModeCause,
    Phase,
    Refused,
    RiskEngine,
    RiskProfile,
    StopLevels,
    effective,
    margin_reductions,
    margin_usage,
    permits,
    protective_levels,
)
from mettle.domain.risk.mode import EVERY_SYMBOL
from mettle.domain.risk.rules import Unit, limit_key, shown
from mettle.domain.simulation import AssetState

BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")
SWAP, ALT = Symbol.parse("BTC/USDT:USDT"), Symbol.parse("ALT/USDT:USDT")
HOUR = 3_600_000
MONEY = 10_000 * 10**8
UNIT = 10**6
PROFILE = RiskProfile("t")


def account(*assets: AssetExposure, equity: int = MONEY, maintenance: int = 0) -> Exposure:
    """Return an account."""
    return Exposure("a", equity, equity, {one.symbol: one for one in assets}, maintenance)


def held(lots: int, symbol: Symbol = BTC, mark: int = 100) -> AssetExposure:
    """Return so many lots, each worth 1 at a mark of 100."""
    return AssetExposure(symbol, lots, 0, 0, mark, UNIT)


def sell(lots: int, purpose: Purpose = Purpose.REBALANCE) -> Reduction:
    """Return a reduction of a long position."""
    return Reduction("a", BTC, Side.SELL, lots, 1, purpose)


def judge(intent: OrderIntent, exposure: Exposure, mode: Mode = Mode.ACTIVE) -> object:
    """Judge at 7 with nothing tripped and no limit set."""
    return RiskEngine(PROFILE).judge(intent, exposure, Breakers(PROFILE), mode, 7)


# Modes --------------------------------------------------------------------------------------------


def cause(mode: Mode, symbol: str = EVERY_SYMBOL) -> ModeCause:
    """Return one reason."""
    return ModeCause("a", symbol, "operator", mode, 1, "because")


@pytest.mark.parametrize(
    ("causes", "wanted"),
    [
        ([], (Mode.ACTIVE, Mode.ACTIVE, Mode.ACTIVE)),
        ([cause(Mode.PAUSED)], (Mode.PAUSED, Mode.PAUSED, Mode.PAUSED)),
        ([cause(Mode.PAUSED, "BTC/USDT")], (Mode.ACTIVE, Mode.PAUSED, Mode.ACTIVE)),
        (
            [cause(Mode.REDUCING), cause(Mode.KILLED, "BTC/USDT"), cause(Mode.PAUSED, "BTC/USDT")],
            (Mode.REDUCING, Mode.KILLED, Mode.REDUCING),
        ),
        ([cause(Mode.KILLED), cause(Mode.ACTIVE)], (Mode.KILLED, Mode.KILLED, Mode.KILLED)),
    ],
)
def test_the_worst_cause_counts(causes: list[ModeCause], wanted: tuple[Mode, Mode, Mode]) -> None:
    """For the account, for a symbol with causes of its own, and for one without."""
    assert (
        effective(causes),
        effective(causes, "BTC/USDT"),
        effective(causes, "ETH/USDT"),
    ) == wanted


ALLOWED: dict[Mode, set[str]] = {
    Mode.ACTIVE: {"opening", *(one.value for one in Purpose)},
    Mode.REDUCING: {one.value for one in Purpose},
    Mode.PAUSED: {"stop", "trailing stop", "margin", "ruin", "operator", "flatten"},
    Mode.KILLED: {"flatten"},
}


@pytest.mark.parametrize("mode", list(Mode))
def test_each_mode_lets_its_own_through(mode: Mode) -> None:
    """ACTIVE all; REDUCING reductions; PAUSED protection and a person; KILLED the flatten."""
    intents: dict[str, OrderIntent] = {one.value: sell(1, one) for one in Purpose}
    intents["opening"] = Opening("a", BTC, Side.BUY, 1, 1)
    assert {name for name, one in intents.items() if permits(mode, one)} == ALLOWED[mode]


@pytest.mark.parametrize(
    ("mode", "mend"),
    [
        (Mode.REDUCING, "it ends when its cause does, see `mettle risk show`"),
        (Mode.PAUSED, "resume, or reduce by hand"),
        (Mode.KILLED, "only an operator's re-arm ends it"),
    ],
)
def test_a_mode_says_what_would_mend_it(mode: Mode, mend: str) -> None:
    """The refusal names the kind of order, the mode, and the way out."""
    opening = Opening("a", BTC, Side.BUY, 1, 1)
    text = f"an opening is not sent while {mode.name}: {mend}"
    assert judge(opening, account(held(0)), mode) == Refused(opening, "mode", text)
    if mode is not Mode.REDUCING:
        text = f"a rebalance reduction is not sent while {mode.name}: {mend}"
        assert judge(sell(1), account(held(5)), mode) == Refused(sell(1), "mode", text)


# Verdicts on reductions ---------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "given", "note"), [
    (4, 4, ""), (5, 5, ""), (6, 5, "6 → 5 lots: more is not held"),
])  # fmt: skip
def test_a_reduction_reserves_nothing(wanted: int, given: int, note: str) -> None:
    """It is approved now, for no more than is held, and says what was cut."""
    verdict = judge(sell(wanted), account(held(5)))
    assert isinstance(verdict, Approved)
    assert (verdict.intent, verdict.reserved) == (sell(given), 0)
    assert (verdict.judged_at, verdict.note) == (7, note)


@pytest.mark.parametrize("lots", [0, -5])
def test_nothing_to_reduce_is_said(lots: int) -> None:
    """With the side and what is held."""
    text = f"a sell cannot reduce a position of {lots} lots: nothing to do"
    assert judge(sell(3), account(held(lots))) == Refused(sell(3), "held", text)


# Breakers -----------------------------------------------------------------------------------------


def tripped(breakers: Breakers, name: str) -> bool:
    """Return whether a breaker is OPEN."""
    return breakers.states[name].phase is Phase.OPEN


def test_a_state_is_written_canonically() -> None:
    """Keys in order and no blanks: journals compare the text."""
    state = BreakerState("drawdown", trips=(3,), samples=((1, 2, 3),), openings=(("x", 5),))
    text = state.to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert text.startswith('{"acknowledged":false,"baseline":null,"cause":"","count":0,')
    assert BreakerState.from_json(text) == state


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "a breaker's state cannot be read: '{'"),
        ('{"name": "x"}', 'a breaker\'s state cannot be read: \'{"name": "x"}\''),
        (
            BreakerState("x").to_json() + " ",
            f"a breaker's state is not as it was written: {BreakerState('x').to_json() + ' '!r}",
        ),
    ],
)
def test_a_state_is_never_guessed(text: str, words: str) -> None:
    """What cannot be read says so, and what to do."""
    with pytest.raises(InvalidValue) as caught:
        BreakerState.from_json(text)
    assert caught.value.message == words
    assert caught.value.mend == "restore the database from a backup"


def test_flows_move_everything_that_is_compared() -> None:
    """Baseline, last mark and both ends of every sample; no mark, no move."""
    rule = BreakerRule(200_000, window=24 * HOUR)
    breakers = Breakers(RiskProfile("t", rolling_loss=rule))
    breakers.on_flow(500, 1)
    assert breakers.states["rolling_loss"] == BreakerState("rolling_loss")
    breakers.on_mark(MONEY, 2)
    assert breakers.on_flow(500, 3) == []
    state = breakers.states["rolling_loss"]
    assert (state.baseline, state.last, state.seen) == (MONEY + 500, MONEY + 500, 3)
    assert state.samples == ((2, MONEY + 500, MONEY + 500),)
    half = replace(BreakerState("rolling_loss"), baseline=5)
    left = Breakers(RiskProfile("t", rolling_loss=rule), [half])
    left.on_flow(500, 3)
    assert left.states["rolling_loss"] == half


@pytest.mark.parametrize(("above", "usage"), [(False, 900_000), (True, 900_001)])
def test_margin_trips_at_or_above_its_limit(*, above: bool, usage: int) -> None:
    """And on trial a usage under the limit closes it, in these words."""
    rule = BreakerRule(900_000, critical=True)
    profile = RiskProfile("t", margin=rule, margin_soft=800_000, trips_above=above)
    breakers = Breakers(profile)
    assert breakers.on_margin(usage - 1, 1) == []
    (event,) = breakers.on_margin(usage, 2)
    assert event.kind is BreakerEventKind.TRIPPED
    breakers.reset("margin", "anna", 3)
    breakers.on_reconciliation(4, clean=True)
    (closed,) = breakers.on_margin(usage - 1, 5)
    assert closed.kind is BreakerEventKind.CLOSED
    assert closed.text == "closed by usage under the hard limit"


def test_a_win_on_trial_is_said() -> None:
    """The streak begins anew with it."""
    breakers = Breakers(RiskProfile("t", consecutive_losses=BreakerRule(1)))
    breakers.on_closed_trade(-5, 1)
    breakers.on_reconciliation(2, clean=True)
    breakers.on_opening(Opening("a", BTC, Side.BUY, 4, 3), 3)
    (event,) = breakers.on_closed_trade(5, 4)
    assert (event.kind, event.text) == (BreakerEventKind.CLOSED, "closed by a winning trade")
    assert breakers.states["consecutive_losses"].count == 0


def test_an_opening_counts_once() -> None:
    """Told twice it is one; two of the same size are two."""
    breakers = Breakers(RiskProfile("t", trades_per_day=5))
    first, second = Opening("a", BTC, Side.BUY, 4, 3), Opening("a", ETH, Side.BUY, 4, 3)
    for opening in (first, first, second):
        breakers.on_opening(opening, 3)
    assert breakers.openings_today(3) == {intent_id(first): 4, intent_id(second): 4}
    assert len(breakers.states["trades_per_day"].openings) == 2


def test_open_breakers_are_causes() -> None:
    """Of the account, or of their symbol, in their own words."""
    profile = RiskProfile(
        "t", consecutive_losses=BreakerRule(1), price_jump=BreakerRule(200_000, window=HOUR)
    )
    breakers = Breakers(profile)
    breakers.on_closed_trade(-5, 1)
    breakers.on_price(BTC, 100, 2)
    breakers.on_price(BTC, 130, 3)
    assert breakers.causes("a") == [
        ModeCause("a", "", "breaker consecutive_losses", Mode.REDUCING, 1,
                  "1 losing trades in a row, limit 1"),
        ModeCause("a", "BTC/USDT", "breaker price_jump", Mode.REDUCING, 3,
                  "the price moved 30 % within 1h, limit 20 %"),
    ]  # fmt: skip


# Measures -----------------------------------------------------------------------------------------


def jumps(window: int = 24_000) -> Breakers:
    """Return a breaker for 20 % within a window of 24 parts of a second."""
    return Breakers(RiskProfile("t", price_jump=BreakerRule(200_000, window=window)))


def test_a_jump_is_measured_in_whole_millionths() -> None:
    """Downwards as well, floored, with limit and window."""
    breakers = jumps()
    breakers.on_price(BTC, 3_000, 0)
    (event,) = breakers.on_price(BTC, 2_000, 1_000)
    assert event.text == "the price moved 33.3333 % within 24s, limit 20 %"


def test_a_price_leaves_the_window_at_its_edge() -> None:
    """A window ago is out, a millisecond less is in."""
    for at, trips in ((24_000, False), (23_999, True)):
        breakers = jumps()
        breakers.on_price(BTC, 100, 0)
        assert bool(breakers.on_price(BTC, 130, at)) is trips


def test_a_first_price_is_no_jump() -> None:
    """Nor is one that stays where it was."""
    breakers = jumps()
    assert breakers.on_price(BTC, 100, 0) == []
    assert breakers.on_price(BTC, 100, 1) == []
    assert breakers.states["price_jump BTC/USDT"].cause == ""


def test_a_part_of_the_window_keeps_its_extremes() -> None:
    """Prices of one second share a sample, with the least, the greatest and the latest time."""
    breakers = jumps()
    for at, ticks in ((5_000, 100), (5_400, 104), (5_999, 98), (6_000, 101), (7_100, 102)):
        assert breakers.on_price(BTC, ticks, at) == []
    samples = breakers.states["price_jump BTC/USDT"].samples
    assert samples == ((5_999, 98, 104), (6_000, 101, 101), (7_100, 102, 102))


def test_the_least_window_has_parts_of_a_millisecond() -> None:
    """Shorter ones would have none."""
    breakers = jumps(window=24)
    for at in (4, 5, 6):
        breakers.on_price(BTC, 100, at)
    assert len(breakers.states["price_jump BTC/USDT"].samples) == 3
    rolling = Breakers(RiskProfile("t", rolling_loss=BreakerRule(200_000, window=24)))
    for at in (4, 5, 6):
        rolling.on_mark(MONEY, at)
    assert len(rolling.states["rolling_loss"].samples) == 3


def test_rolling_marks_leave_the_window_at_its_edge() -> None:
    """The mark of a window ago is the one that counts, and older ones do not."""
    for at, baseline in ((34_000, MONEY + 900), (33_999, MONEY)):
        breakers = Breakers(RiskProfile("t", rolling_loss=BreakerRule(200_000, window=24_000)))
        breakers.on_mark(MONEY, 0)
        breakers.on_mark(MONEY + 900, 10_000)
        breakers.on_mark(MONEY, at)
        assert breakers.states["rolling_loss"].baseline == baseline


def test_rolling_marks_share_a_part_of_the_window() -> None:
    """The first of each second stands for it."""
    breakers = Breakers(RiskProfile("t", rolling_loss=BreakerRule(200_000, window=24_000)))
    for at, gain in ((1_500, 0), (1_900, 7), (2_100, 8), (2_500, 9), (3_000, 10)):
        breakers.on_mark(MONEY + gain, at)
    samples = breakers.states["rolling_loss"].samples
    assert [(at, low - MONEY) for at, low, _ in samples] == [(1_500, 0), (2_100, 8), (3_000, 10)]


def test_failures_leave_the_window_at_its_edge() -> None:
    """And no more of them are kept than it takes to trip."""
    for at, trips in ((HOUR, False), (HOUR - 1, True)):
        breakers = Breakers(RiskProfile("t", api_failures=BreakerRule(2, window=HOUR)))
        breakers.on_api_failure(0)
        assert bool(breakers.on_api_failure(at)) is trips
    flood = Breakers(RiskProfile("t", api_failures=BreakerRule(3, window=HOUR)))
    for at in range(9):
        flood.on_api_failure(at)
    state = flood.states["api_failures"]
    assert state.samples == tuple((at, 1, 1) for at in (5, 6, 7, 8))
    assert state.cause == "3 within 1h, limit 3"


# Stops --------------------------------------------------------------------------------------------


def test_a_range_of_a_tick_is_a_range() -> None:
    """Nothing less is."""
    assert AtrStops(1).atr == 1
    with pytest.raises(InvalidValue, match="must be positive, was 0 ticks"):
        AtrStops(0)


@pytest.mark.parametrize(("lots", "level"), [(1, 90), (5, 90), (-1, 80), (-5, 80)])
def test_the_nearer_stop_acts_first(lots: int, level: int) -> None:
    """The higher one of a long position, the lower one of a short; of a single lot as well."""
    assert StopLevels(80, 90).nearest(lots) == level
    assert StopLevels(90, 80).nearest(lots) == level
    assert StopLevels(None, 70).nearest(lots) == 70
    assert StopLevels(None, None).nearest(lots) is None


ATR = RiskProfile(
    "t",
    atr_stop_low=1_500_000,
    atr_stop_high=3_000_000,
    atr_trail_low=500_000,
    atr_trail_high=1_500_000,
)


@pytest.mark.parametrize(
    ("wanted", "multiple"), [(None, 15), (1, 15), (2_000_000, 20), (9_000_000, 30)]
)
@pytest.mark.parametrize("lots", [1, 3, -1, -3])
def test_a_multiple_stays_between_its_bounds(wanted: int | None, multiple: int, lots: int) -> None:
    """The tightest unless asked for; below the entry of a long, above that of a short."""
    state = AssetState(lots, 1_000 * abs(lots) * UNIT, 1_000, 0)
    found = protective_levels(ATR, state, UNIT, AtrStops(10, stop=wanted))
    sign = 1 if lots > 0 else -1
    assert found == StopLevels(1_000 - sign * multiple, 1_000 - sign * 5)


def test_levels_are_rounded_outwards() -> None:
    """A fraction of a tick is given to the position, on either side."""
    for lots, stop in ((1, 983), (-1, 1_017)):
        state = AssetState(lots, 1_000 * UNIT, 1_000, 0)
        found = protective_levels(ATR, state, UNIT, AtrStops(11))
        assert found.stop == stop


@pytest.mark.parametrize(("atr", "level"), [(660, 10), (666, 1), (667, None), (999, None)])
def test_a_stop_lies_at_a_tick_or_nowhere(atr: int, level: int | None) -> None:
    """A level of one tick is one; below that there is none."""
    state = AssetState(1, 1_000 * UNIT, 1_000, 0)
    found = protective_levels(
        replace(ATR, atr_trail_low=None, atr_trail_high=None), state, UNIT, AtrStops(atr)
    )
    assert found.stop == level


# Margin -------------------------------------------------------------------------------------------

HARD = RiskProfile("t", margin=BreakerRule(900_000, critical=True), margin_soft=800_000)


def test_gross_is_the_worst_case_of_all() -> None:
    """Held, ordered and foreign, whatever the sign."""
    assets = [replace(held(5), buying=2, foreign=1), replace(held(-3, SWAP), selling=4)]
    assert account(*assets).gross() == (8 + 7) * 10**8


def test_cuts_bring_usage_just_under_the_soft_limit() -> None:
    """To the lot: one less would leave it at the limit or above."""
    for lots in (100, 1_000, 4_321):
        exposure = account(held(lots, SWAP), equity=1_000 * lots, maintenance=950 * lots)
        (cut,) = margin_reductions(HARD, exposure, 7)
        for kept, under in ((lots - cut.lots, True), (lots - cut.lots + 1, False)):
            after = account(held(kept, SWAP), equity=1_000 * lots, maintenance=950 * kept)
            assert (margin_usage(after) < 800_000) is under


@pytest.mark.parametrize("lots", [1, -1])
def test_a_single_lot_is_cut_whole(lots: int) -> None:
    """On the side that closes it."""
    side = Side.SELL if lots > 0 else Side.BUY
    wanted = Reduction("a", SWAP, side, 1, 7, Purpose.MARGIN)
    exposure = account(held(lots, SWAP), equity=100, maintenance=95)
    assert margin_reductions(HARD, exposure, 7) == (wanted,)


@pytest.mark.parametrize("equity", [0, -1, 1])
def test_without_equity_everything_goes(equity: int) -> None:
    """The greatest value first, then by name; equal ones in that order."""
    exposure = account(held(5, SWAP), held(-5, ALT), held(9, ETH), equity=equity, maintenance=95)
    cuts = margin_reductions(HARD, exposure, 7)
    assert [(one.symbol, one.side, one.lots) for one in cuts] == [
        (ALT, Side.BUY, 5),
        (SWAP, Side.SELL, 5),
    ]


def test_closing_is_for_all_or_for_what_borrows() -> None:
    """``close`` leaves nothing; without perpetuals the account borrows against its coins."""
    close = replace(HARD, margin_action=MarginAction.CLOSE)
    whole = account(held(5, SWAP), held(9, ETH), held(0, ALT), equity=100, maintenance=95)
    assert [one.lots for one in margin_reductions(close, whole, 7)] == [5]
    coins = account(held(3, BTC), held(9, ETH), held(0, SWAP), equity=100, maintenance=95)
    assert [one.lots for one in margin_reductions(close, coins, 7)] == [9, 3]


# Words --------------------------------------------------------------------------------------------


def test_limits_have_their_keys() -> None:
    """The margin's is its hard limit."""
    assert (limit_key("margin"), limit_key("drawdown")) == ("margin.hard", "drawdown.limit")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(125_000, Unit.SHARE, "12.5 %"), (90_000, Unit.DURATION, "90s"), (3_000, Unit.COUNT, "3000")],
)
def test_values_are_shown_in_their_unit(value: int, unit: Unit, words: str) -> None:
    """Shares, durations and counts."""
    assert shown(value, unit) == words
