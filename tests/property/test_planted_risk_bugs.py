"""The oracle of risk is worth something: it finds every bug that is planted."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from mettle.domain.errors import MettleError
from mettle.domain.orders import Opening, Reduction
from mettle.domain.risk import (
    AssetExposure,
    BreakerKind,
    BreakerRule,
    Breakers,
    BreakerState,
    Exposure,
    Phase,
    RiskEngine,
)
from mettle.domain.risk.rules import DAY
from tests.support import risk_oracle as oracle
from tests.support.risk_play import Judged, draw, live, on_margin

LIVES, DRAWS, MARGINS = range(140), range(60), range(60)

engine = importlib.import_module("mettle.domain.risk.engine")
breaker_state = importlib.import_module("mettle.domain.risk.breaker_state")
margin = importlib.import_module("mettle.domain.risk.margin")
measures = importlib.import_module("mettle.domain.risk.measures")
breakers_ = importlib.import_module("mettle.domain.risk.breakers")

Rule = Callable[[Any], None]

reaches, counted, streak = measures.reaches, measures.counted, measures.losing_streak
tripped, on_trial, from_json = BreakerState.tripped, BreakerState.on_trial, BreakerState.from_json
may_leave, period_start, reconcile = (
    BreakerState.may_leave,
    BreakerKind.period_start,
    Breakers.on_reconciliation,
)
on_opening, worst, judge_reduction = (
    Breakers.on_opening,
    AssetExposure.worst,
    engine._judge_reduction,
)
largest, others, with_exit = engine.largest, engine._others, engine._with_exit
drawdown, failures, rolling = measures.drawdown, measures.failures, measures.rolling_loss
end_trial, usage, jump = Breakers._end_trial, margin.margin_usage, measures.price_jump


def _absolute(measure: int, base: int, limit: int, *, above: bool) -> bool:
    return bool(reaches(abs(measure), base, limit, above=above))


def _only_above(measure: int, base: int, limit: int, *, above: bool) -> bool:
    return bool(reaches(measure, base, limit, above=True))


def _count_above(count: int, limit: int, *, above: bool) -> bool:
    return bool(counted(count, limit, above=True))


def _time_alone(self: Breakers, now: int, *, clean: bool) -> object:
    return reconcile(self, now, clean=True)


def _at_once(self: BreakerState, now: int) -> bool:
    return may_leave(replace(self, until=0), now)


def _nobody_asked(self: BreakerState, now: int) -> bool:
    return may_leave(replace(self, critical=False), now)


def _never(self: BreakerState, now: int) -> bool:
    return False


def _clock_as_it_comes(self: BreakerState, now: int) -> BreakerState:
    return replace(self, seen=now)


def _new_baseline(text: str) -> BreakerState:
    return replace(from_json(text), baseline=None)


def _new_streak(text: str) -> BreakerState:
    return replace(from_json(text), count=0)


def _new_window(text: str) -> BreakerState:
    return replace(from_json(text), samples=())


def _forgiven(text: str) -> BreakerState:
    return replace(from_json(text), phase=Phase.CLOSED)


def _new_trial(text: str) -> BreakerState:
    return replace(from_json(text), openings=())


def _old_peak(self: BreakerState) -> BreakerState:
    return replace(on_trial(self), baseline=self.baseline)


def _old_counters(self: BreakerState) -> BreakerState:
    return replace(on_trial(self), count=self.count, samples=self.samples)


def _closed_at_once(self: BreakerState) -> BreakerState:
    return self.closed()


def _never_critical(
    self: BreakerState, rule: BreakerRule, kind: BreakerKind, cause: str
) -> BreakerState:
    return replace(tripped(self, rule, kind, cause), critical=rule.critical)


def _amnesia(self: BreakerState, rule: BreakerRule, kind: BreakerKind, cause: str) -> BreakerState:
    return tripped(replace(self, trips=()), rule, kind, cause)


def _no_recovery(self: BreakerRule, kind: BreakerKind, at: int) -> int:
    return at


def _sundays(self: BreakerKind, now: int) -> int:
    return (
        period_start(self, now + DAY) - DAY if self.period == 7 * DAY else period_start(self, now)
    )


def _local_days(self: BreakerKind, now: int) -> int:
    zone = 2 * 3_600_000
    return period_start(self, now + zone) - zone


def _unwritten(self: Breakers, opening: Opening, now: int) -> object:
    if self.trials():
        return []
    return on_opening(self, opening, now)


def _counted_never(self: Breakers, opening: Opening, now: int) -> object:
    before = self.states["trades_per_day"]
    on_opening(self, opening, now)
    self._states["trades_per_day"] = before
    return []


def _won_by_losing(self: Breakers, state: BreakerState, rule: BreakerRule, won: int) -> object:
    return end_trial(self, state, rule, abs(won))


def _never_won(self: Breakers, state: BreakerState, rule: BreakerRule, won: int) -> object:
    return end_trial(self, state, rule, min(won, 0))


def _full_size(lots: int, closes: int) -> int:
    return lots


def _not_shut(self: Breakers, symbol: object) -> None:
    return None


def _draws_lose(state: BreakerState, rule: BreakerRule, realised: int, *, above: bool) -> object:
    return streak(state, rule, realised or -1, above=above)


def _wins_stay(state: BreakerState, rule: BreakerRule, realised: int, *, above: bool) -> object:
    return streak(state, rule, min(0, realised), above=above)


def _last_is_peak(state: BreakerState, rule: BreakerRule, equity: int, *, above: bool) -> object:
    return drawdown(replace(state, baseline=state.last), rule, equity, above=above)


def _no_window(state: BreakerState, rule: BreakerRule, *, above: bool) -> object:
    return failures(state, replace(rule, window=DAY * 300), above=above)


def _from_the_first(state: BreakerState, rule: BreakerRule, equity: int, *, above: bool) -> object:
    return rolling(state, replace(rule, window=rule.window * 30), equity, above=above)


def _only_up(state: BreakerState, rule: BreakerRule, ticks: int, *, above: bool) -> object:
    found, cause = jump(state, rule, ticks, above=above)
    fell = any(ticks < sample[1] for sample in state.samples)
    return found, "" if fell else cause


def _flows_are_losses(self: Breakers, amount: int, now: int) -> object:
    return []


def _unknown_forgotten(self: AssetExposure, change: int = 0) -> int:
    return abs(self.lots + change) + self.foreign


def _strangers_forgotten(self: AssetExposure, change: int = 0) -> int:
    return worst(replace(self, foreign=0), change)


def _shorts_are_free(self: AssetExposure, change: int = 0) -> int:
    return max(0, self.lots + self.buying + max(0, change)) + self.foreign


def _one_lot_more(wanted: int, fits: Callable[[int], bool]) -> int | None:
    found: int | None = largest(wanted, fits)
    return found if found is None else min(wanted, found + 1)


def _one_lot_less(wanted: int, fits: Callable[[int], bool]) -> int | None:
    found: int | None = largest(wanted, fits)
    return found if found is None or found == wanted else max(0, found - 1)


def _no_cut(wanted: int, fits: Callable[[int], bool]) -> int | None:
    return wanted


def _only_itself(*_: object) -> int:
    return 0


def _without_its_base(exposure: Exposure, asset: AssetExposure, base: str | None = None) -> int:
    return 0 if base else int(others(exposure, asset, base))


def _farthest_stop(mark: int, stop_loss: int | None, stop_distance: int | None) -> int:
    return mark


def _exits_need_leave(intent: Reduction, *rest: Any) -> object:  # noqa: ANN401  passed on
    return judge_reduction(replace(intent, lots=max(1, intent.lots // 2)), *rest)


def _exits_uncapped(intent: Reduction, *rest: Any) -> object:  # noqa: ANN401  passed on
    verdict = judge_reduction(intent, *rest)
    return replace(verdict, intent=intent) if isinstance(verdict, engine.Approved) else verdict


def _exits_forgotten(refused: object, *_: object) -> object:
    return refused


def _nothing_reserved(*_: object) -> int:
    return 0


def _judge_openings_only(self: RiskEngine, intent: Any, *rest: Any, **more: Any) -> object:  # noqa: ANN401  passed on
    shut = isinstance(intent, Reduction) and rest[2].value > 0
    return engine.Refused(intent, "mode", "") if shut else judge(self, intent, *rest, **more)


judge = RiskEngine.judge


def _within_twice(value: int, share: int, equity: int) -> bool:
    return value * 10**6 <= share * equity * 2


def _usage_of_nothing(exposure: Exposure) -> int:
    return 0


def _cut_to_the_hard_limit(profile: Any, *rest: Any) -> object:  # noqa: ANN401  passed on
    return reductions(replace(profile, margin_soft=899_999), *rest)


reductions = margin.margin_reductions


def _smallest_first(self: AssetExposure, lots: int) -> int:
    return abs(lots) if lots != 1 else self.mark * self.unit_value


BUGS: list[tuple[object, str, Callable[..., object], Rule]] = [
    (measures, "reaches", _absolute, oracle.losses_trip_at_their_limit),
    (measures, "reaches", _only_above, oracle.losses_trip_at_their_limit),
    (measures, "drawdown", _last_is_peak, oracle.losses_trip_at_their_limit),
    (measures, "rolling_loss", _from_the_first, oracle.losses_trip_at_their_limit),
    (BreakerKind, "period_start", _sundays, oracle.losses_trip_at_their_limit),
    (BreakerKind, "period_start", _local_days, oracle.losses_trip_at_their_limit),
    (BreakerState, "on_trial", _old_peak, oracle.losses_trip_at_their_limit),
    (Breakers, "on_flow", _flows_are_losses, oracle.losses_trip_at_their_limit),
    (measures, "counted", _count_above, oracle.streaks_count_losses),
    (measures, "losing_streak", _draws_lose, oracle.streaks_count_losses),
    (measures, "losing_streak", _wins_stay, oracle.streaks_count_losses),
    (BreakerState, "on_trial", _old_counters, oracle.streaks_count_losses),
    (Breakers, "_end_trial", _won_by_losing, oracle.streaks_count_losses),
    (measures, "counted", _count_above, oracle.failures_count_in_their_window),
    (measures, "failures", _no_window, oracle.failures_count_in_their_window),
    (measures, "counted", _count_above, oracle.bad_news_trips_at_once),
    (measures, "price_jump", _only_up, oracle.bad_news_trips_at_once),
    (Breakers, "on_reconciliation", _time_alone, oracle.only_a_clean_pass_releases),
    (BreakerState, "may_leave", _at_once, oracle.only_a_clean_pass_releases),
    (BreakerState, "may_leave", _nobody_asked, oracle.only_a_clean_pass_releases),
    (BreakerState, "may_leave", _never, oracle.only_a_clean_pass_releases),
    (BreakerState, "tripped", _never_critical, oracle.only_a_clean_pass_releases),
    (BreakerState, "tripped", _amnesia, oracle.only_a_clean_pass_releases),
    (BreakerRule, "until", _no_recovery, oracle.only_a_clean_pass_releases),
    (BreakerState, "at", _clock_as_it_comes, oracle.clocks_never_run_back),
    (BreakerState, "from_json", _new_baseline, oracle.restarts_change_nothing),
    (BreakerState, "from_json", _new_streak, oracle.restarts_change_nothing),
    (BreakerState, "from_json", _new_window, oracle.restarts_change_nothing),
    (BreakerState, "from_json", _forgiven, oracle.restarts_change_nothing),
    (BreakerState, "from_json", _new_trial, oracle.restarts_change_nothing),
    (Breakers, "on_opening", _unwritten, oracle.openings_wait_for_breakers),
    (Breakers, "blocking", _not_shut, oracle.openings_wait_for_breakers),
    (Breakers, "_end_trial", _never_won, oracle.openings_wait_for_breakers),
    (engine, "half_size", _full_size, oracle.openings_wait_for_breakers),
    (Breakers, "on_opening", _counted_never, oracle.days_have_so_many_openings),
    (AssetExposure, "worst", _unknown_forgotten, oracle.approvals_keep_every_limit),
    (AssetExposure, "worst", _strangers_forgotten, oracle.approvals_keep_every_limit),
    (AssetExposure, "worst", _shorts_are_free, oracle.approvals_keep_every_limit),
    (engine, "largest", _one_lot_more, oracle.approvals_keep_every_limit),
    (engine, "largest", _no_cut, oracle.approvals_keep_every_limit),
    (engine, "within", _within_twice, oracle.approvals_keep_every_limit),
    (engine, "_others", _only_itself, oracle.approvals_keep_every_limit),
    (engine, "_others", _without_its_base, oracle.approvals_keep_every_limit),
    (engine, "_added", _nothing_reserved, oracle.approvals_keep_every_limit),
    (engine, "largest", _one_lot_less, oracle.nothing_is_refused_in_vain),
    (engine, "risk_distance", _farthest_stop, oracle.nothing_is_refused_in_vain),
    (engine, "_judge_reduction", _exits_need_leave, oracle.exits_always_pass),
    (engine, "_judge_reduction", _exits_uncapped, oracle.exits_always_pass),
    (engine, "_with_exit", _exits_forgotten, oracle.exits_always_pass),
    (RiskEngine, "judge", _judge_openings_only, oracle.exits_always_pass),
    (margin, "margin_usage", _usage_of_nothing, oracle.margin_cuts_suffice),
    (oracle, "margin_reductions", _cut_to_the_hard_limit, oracle.margin_cuts_suffice),
    (AssetExposure, "value", _smallest_first, oracle.margin_cuts_suffice),
]


def _stories(rule: Rule) -> Iterator[Any]:
    if rule in oracle.BREAKER_RULES:
        yield from (live(seed) for seed in LIVES)
    elif rule in oracle.ENGINE_RULES:
        for seed in DRAWS:
            found: Iterator[Judged] = draw(seed)
            yield from found
    else:
        yield from (on_margin(seed) for seed in MARGINS)


def _is_caught(rule: Rule) -> bool:
    try:
        for story in _stories(rule):
            rule(story)
    except (AssertionError, MettleError):
        return True
    return False


def test_risk_itself_passes() -> None:
    """On the same seeds the rules as they are break nothing."""
    for rules in (oracle.BREAKER_RULES, oracle.ENGINE_RULES, [oracle.margin_cuts_suffice]):
        for story in _stories(rules[0]):
            for rule in rules:
                rule(story)


@pytest.mark.parametrize(
    ("place", "name", "bug", "rule"),
    BUGS,
    ids=[f"{rule.__name__}-{bug.__name__.strip('_')}" for _, _, bug, rule in BUGS],
)
def test_a_planted_bug_is_caught(
    place: object,
    name: str,
    bug: Callable[..., object],
    rule: Rule,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong rule in the place of the right one breaks the very property that guards it."""
    monkeypatch.setattr(place, name, bug)
    assert _is_caught(rule)


def test_every_guard_is_shown_to_bite() -> None:
    """No property of the oracle goes without a bug that breaks it."""
    shown = {rule for _, _, _, rule in BUGS}
    assert {*oracle.BREAKER_RULES, *oracle.ENGINE_RULES, oracle.margin_cuts_suffice} == shown
