"""The life of a breaker: tripped, released, on trial, closed; and what is said on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.domain.errors import ConfigError, InvalidValue
from mettle.domain.ledger import Entry, EntryKind, Ledger, Posting
from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, Purpose, Reduction, Side
from mettle.domain.risk import (
    Approved,
    AssetExposure,
    BreakerEvent,
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
    margin_usage,
)
from mettle.domain.risk.rules import KINDS, LONGEST, duration

BTC = Symbol("BTC", "USDT")
HOUR, DAY = 3_600_000, 86_400_000
MONEY = 10_000 * 10**8
FULL = BreakerState(
    "daily_loss",
    Phase.OPEN,
    since=1,
    until=2,
    critical=True,
    acknowledged=True,
    cause="lost",
    trips=(1,),
    baseline=5,
    period=6,
    last=7,
    count=8,
    samples=((1, 2, 3),),
    openings=(("x", 4),),
    seen=9,
)


def test_closing_forgets_the_trip_and_nothing_else() -> None:
    """Phase, time, operator, cause and openings begin anew; what was measured stays."""
    assert FULL.closed() == replace(
        FULL, phase=Phase.CLOSED, since=9, until=0, critical=False, acknowledged=False, cause="",
        openings=(),
    )  # fmt: skip
    assert FULL.closed().to_json() == BreakerState.from_json(FULL.closed().to_json()).to_json()
    assert FULL.closed().acknowledged is False


def test_a_trial_begins_at_the_last_mark() -> None:
    """With no count and no sample of what came before."""
    assert FULL.on_trial() == replace(
        FULL.closed(), phase=Phase.HALF_OPEN, baseline=7, count=0, samples=()
    )
    assert '"samples":[]' in FULL.on_trial().to_json()


def test_tripping_again_asks_the_operator_again() -> None:
    """The word that was given was for another trip; openings on trial end with it."""
    rule = BreakerRule(20_000, recovery=50, critical=True)
    assert FULL.tripped(rule, KINDS["daily_loss"], "lost again") == replace(
        FULL, since=9, until=59, critical=True, acknowledged=False, cause="lost again",
        trips=(1, 9), openings=(),
    )  # fmt: skip
    assert FULL.tripped(rule, KINDS["daily_loss"], "lost again").acknowledged is False


def test_a_slow_answer_trips_and_one_in_time_closes() -> None:
    """In these words."""
    breakers = Breakers(RiskProfile("t", api_latency=BreakerRule(5_000)))
    (tripped,) = breakers.on_api_latency(6_000, 1)
    assert tripped.text == "an answer took 6s, limit 5s"
    (trial,) = breakers.on_reconciliation(2, clean=True)
    text = "on trial after an answer took 6s, limit 5s; baseline and counters begin anew"
    assert trial == BreakerEvent("api_latency", BreakerEventKind.ON_TRIAL, text, False, 2)
    (closed,) = breakers.on_api_latency(4_999, 3)
    text = "closed by an answer in time"
    assert closed == BreakerEvent("api_latency", BreakerEventKind.CLOSED, text, False, 3)


def test_one_pass_releases_all_that_may_leave() -> None:
    """A breaker that the profile has no longer is closed, the others go on trial."""
    open_ = [
        BreakerState(name, Phase.OPEN, cause="lost")
        for name in ("older_rule", "weekly_loss", "daily_loss", "consecutive_losses")
    ]
    profile = RiskProfile("t", daily_loss=BreakerRule(20_000), consecutive_losses=BreakerRule(3))
    breakers = Breakers(profile, open_)
    events = breakers.on_reconciliation(5, clean=True)
    gone = "closed, the profile has it no longer"
    trial = "on trial after lost; baseline and counters begin anew"
    assert [(one.name, one.text, one.at) for one in events] == [
        ("older_rule", gone, 5),
        ("weekly_loss", gone, 5),
        ("daily_loss", trial, 5),
        ("consecutive_losses", trial, 5),
    ]
    assert breakers.states["weekly_loss"].phase is Phase.CLOSED


def test_all_that_were_quiet_close() -> None:
    """After a whole window on trial, counted from its begin; loss breakers wait for a trade."""
    names = ("daily_loss", "api_failures", "api_latency", "bad_actions")
    trials = [BreakerState(name, Phase.HALF_OPEN, since=1_000) for name in names]
    profile = RiskProfile(
        "t",
        daily_loss=BreakerRule(20_000),
        rolling_loss=BreakerRule(20_000, window=HOUR),
        api_failures=BreakerRule(3, window=HOUR),
        api_latency=BreakerRule(5_000),
        bad_actions=BreakerRule(3, window=HOUR),
    )
    rolling = BreakerState("rolling_loss", Phase.HALF_OPEN, since=1_000)
    breakers = Breakers(profile, [rolling, *trials])
    assert breakers.on_reconciliation(HOUR + 999, clean=True) == []
    events = breakers.on_reconciliation(HOUR + 1_000, clean=True)
    assert [(one.name, one.text) for one in events] == [
        ("api_failures", "quiet again"),
        ("bad_actions", "quiet again"),
    ]


def test_an_operator_brings_back_a_clock_that_ran_ahead() -> None:
    """To now, with a recovery counted from it; a clock that did not is left alone."""
    ahead = BreakerState("daily_loss", Phase.OPEN, since=9 * DAY, until=10 * DAY, seen=9 * DAY)
    rule = BreakerRule(20_000, recovery=HOUR, next_period=True)
    breakers = Breakers(RiskProfile("t", daily_loss=rule), [ahead])
    (event,) = breakers.reset("daily_loss", "anna", DAY + 5)
    assert (event.kind, event.at) == (BreakerEventKind.ACKNOWLEDGED, DAY + 5)
    state = breakers.states["daily_loss"]
    assert (state.seen, state.since, state.until) == (DAY + 5, DAY + 5, 2 * DAY)
    for seen in (5, 6):
        usual = replace(ahead, since=3, until=HOUR, seen=seen)
        told = Breakers(RiskProfile("t", daily_loss=rule), [usual])
        told.reset("daily_loss", "anna", 6)
        assert told.states["daily_loss"] == replace(usual, acknowledged=True)


# Refusals -----------------------------------------------------------------------------------------

TURN = Opening("a", BTC, Side.BUY, 5, 1, 2)
SHORT = Exposure("a", MONEY, MONEY, {BTC: AssetExposure(BTC, -2, 0, 0, 100, 10**6)})


def refused(profile: RiskProfile, breakers: Breakers, exposure: Exposure = SHORT) -> Refused:
    """Judge the turn at 7, and insist on a refusal."""
    verdict = RiskEngine(profile).judge(TURN, exposure, breakers, Mode.ACTIVE, 7)
    assert isinstance(verdict, Refused)
    return verdict


def test_refusals_say_which_rule_and_let_the_exit_pass() -> None:
    """The intent as it was asked, the rule's name, the reason, and what closes, judged now."""
    losing = RiskProfile("t", consecutive_losses=BreakerRule(1))
    open_ = BreakerState("consecutive_losses", Phase.OPEN, until=9, cause="lost")
    trial = BreakerState("consecutive_losses", Phase.HALF_OPEN, openings=(("x", 1),))
    daily = RiskProfile("t", trades_per_day=1)
    busy = BreakerState("trades_per_day", openings=(("x", 1),))
    found = [
        refused(losing, Breakers(losing, [open_])),
        refused(losing, Breakers(losing, [trial])),
        refused(daily, Breakers(daily, [busy])),
    ]
    name, pass_ = "breaker consecutive_losses", "after a clean reconciliation"
    win = "a winning trade closes it"
    assert [(one.rule, one.reason) for one in found] == [
        ("consecutive_losses", f"{name} is open (lost): it recovers at 9 {pass_}"),
        ("consecutive_losses", f"{name} is on trial and its one opening is out: {win}"),
        ("trades_per_day", "1 openings today, limit 1: the count begins anew at 00:00 UTC"),
    ]  # fmt: skip
    exit_ = Reduction("a", BTC, Side.BUY, 2, 1, Purpose.REBALANCE)
    for one in found:
        assert one.intent == TURN
        assert isinstance(one.instead, Approved)
        assert (one.instead.intent, one.instead.judged_at) == (exit_, 7)


def test_without_a_price_nothing_opens() -> None:
    """And the refusal keeps the intent."""
    profile = RiskProfile("t")
    verdict = refused(profile, Breakers(profile), Exposure("a", MONEY, MONEY, {}))
    assert (verdict.intent, verdict.rule, verdict.instead) == (TURN, "mark", None)


@pytest.mark.parametrize("equity", [0, 1])
def test_without_equity_nothing_opens(equity: int) -> None:
    """A unit of it is some, and is asked about further on."""
    profile = RiskProfile("t", leverage=None)
    exposure = replace(SHORT, equity=equity)
    verdict = RiskEngine(profile).judge(TURN, exposure, Breakers(profile), Mode.ACTIVE, 7)
    if equity:
        assert isinstance(verdict, Approved)
        return
    assert isinstance(verdict, Refused)
    assert (verdict.intent, verdict.rule) == (TURN, "equity")
    assert verdict.reason == "equity is 0: nothing can be opened"


def test_soft_usage_opens_nothing() -> None:
    """At the limit; under it the opening goes through."""
    hard = BreakerRule(900_000, critical=True)
    profile = RiskProfile("t", leverage=None, margin=hard, margin_soft=800_000)
    usual = replace(SHORT, equity=1_000, maintenance=800)
    verdict = refused(profile, Breakers(profile), usual)
    text = "margin usage is 80 %, soft limit 80 %: reduce positions"
    assert (verdict.intent, verdict.rule, verdict.reason) == (TURN, "margin.soft", text)
    under = replace(usual, maintenance=799)
    found = RiskEngine(profile).judge(TURN, under, Breakers(profile), Mode.ACTIVE, 7)
    assert isinstance(found, Approved)


def test_usage_is_a_share_of_equity() -> None:
    """Rounded up, nothing without a need, endless without equity."""

    def usage(equity: int, maintenance: int) -> int:
        return margin_usage(Exposure("a", equity, 0, {}, maintenance))

    assert [usage(0, 0), usage(1, 1), usage(3, 1), usage(0, 1), usage(-1, 1)] == [
        0, 1_000_000, 333_334, 10**12, 10**12,
    ]  # fmt: skip


# Limits of limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "least", "greatest"),
    [
        ("position", 1, 10_000_000),
        ("trades_per_day", 1, 100_000),
        ("leverage", 1_000_000, 125_000_000),
    ],
)
def test_limits_have_ends(name: str, least: int, greatest: int) -> None:
    """Both ends are allowed, one step beyond either is not."""
    bare = RiskProfile("t", leverage=None)
    for value in (least, greatest):
        assert getattr(replace(bare, **{name: value}), name) == value  # type: ignore[arg-type]  # ints
    for value in (least - 1, greatest + 1):
        with pytest.raises(ConfigError, match=f"risk.{name} must lie"):
            replace(bare, **{name: value})  # type: ignore[arg-type]  # ints


@pytest.mark.parametrize(
    ("name", "rule", "fits"),
    [
        ("daily_loss", BreakerRule(1_000_000), True),
        ("daily_loss", BreakerRule(1_000_001), False),
        ("consecutive_losses", BreakerRule(1), True),
        ("consecutive_losses", BreakerRule(0), False),
        ("api_failures", BreakerRule(1, window=LONGEST), True),
        ("api_failures", BreakerRule(1, window=LONGEST + 1), False),
        ("api_failures", BreakerRule(1, window=1), True),
        ("api_failures", BreakerRule(1, window=0), False),
        ("daily_loss", BreakerRule(1, recovery=LONGEST), True),
        ("daily_loss", BreakerRule(1, recovery=LONGEST + 1), False),
        ("daily_loss", BreakerRule(1, recovery=0), True),
        ("daily_loss", BreakerRule(1, recovery=-1), False),
        ("drawdown", BreakerRule(1, next_period=True, critical=True), False),
        ("drawdown", BreakerRule(1), False),
    ],
)
def test_rules_have_ends(name: str, rule: BreakerRule, *, fits: bool) -> None:
    """A limit, a window and a recovery at their ends are rules; beyond them they are none."""
    if fits:
        rule.check(name)
        return
    with pytest.raises(ConfigError, match=rf"risk\.{name}\."):
        rule.check(name)


@pytest.mark.parametrize(
    ("settings", "mend"),
    [
        ({"position_low": 5}, "set risk.position, or risk.position_low to none"),
        ({"position": 9, "asset": 5}, "lower risk.position or raise risk.asset"),
        (
            {"leverage": 2_000_000, "stop_loss": 500_000},
            "lower risk.stop_loss or risk.leverage",
        ),
        (
            {"stop_loss": 100_000, "position": 1_000_000, "daily_loss": BreakerRule(99_999)},
            "lower risk.stop_loss or risk.position, or raise risk.daily_loss.limit",
        ),
    ],
)
def test_settings_that_contradict_each_other_say_the_mend(
    settings: dict[str, object], mend: str
) -> None:
    """At the very value where the contradiction begins."""
    with pytest.raises(ConfigError) as caught:
        RiskProfile("t", **settings)  # type: ignore[arg-type]  # one case after the other
    assert caught.value.mend == mend


def test_durations_are_said_in_the_largest_unit() -> None:
    """That holds them exactly."""
    found = [duration(one) for one in (0, 1, 1_000, 60_000, 90_000, 60_001, HOUR, DAY, 25 * HOUR)]
    assert found == ["0s", "1ms", "1s", "1m", "90s", "60001ms", "1h", "1d", "25h"]


def test_settings_may_touch() -> None:
    """A stop just short of the liquidation; a stop that loses just the day's limit."""
    RiskProfile("t", leverage=2_000_000, stop_loss=499_999)
    RiskProfile("t", stop_loss=100_000, position=1_000_000, daily_loss=BreakerRule(100_000))


def test_a_second_event_needs_an_id_of_its_own() -> None:
    """And the ledger says so."""

    def entry(amount: int) -> Entry:
        legs = (Posting("capital", "USDT", -amount), Posting("wallet", "USDT", amount))  # type: ignore[arg-type]  # made exact
        return Entry("e", 1, 2, EntryKind.DEPOSIT, legs)

    with pytest.raises(InvalidValue) as caught:
        Ledger([entry(1), entry(2)])
    assert caught.value.mend == "give the new event an id of its own"


def test_what_is_open_is_said_without_its_causes() -> None:
    """Nothing is open before a trip, and prices are watched only where a profile asks for it."""
    breakers = Breakers(RiskProfile("t", api_latency=BreakerRule(5_000)))
    assert (breakers.is_open, breakers.watches_prices) == (False, False)
    breakers.on_api_latency(6_000, 1)
    assert (breakers.is_open, bool(breakers.causes("a"))) == (True, True)
    watching = RiskProfile("t", price_jump=BreakerRule(200_000, window=300_000))
    assert Breakers(watching).watches_prices
