"""What must hold of risk, worked out again from the whole story with fractions and calendars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from mettle.domain.orders import Opening, Reduction
from mettle.domain.risk import (
    Approved,
    AssetExposure,
    BreakerEventKind,
    BreakerRule,
    Exposure,
    Mode,
    Phase,
    Refused,
    RiskProfile,
    margin_reductions,
    margin_usage,
)

from .risk_play import DAY, Judged, Told

Entries = list[tuple[int, int]]
LOSS = ("daily_loss", "rolling_loss", "weekly_loss", "drawdown", "consecutive_losses")
EQUITY = LOSS[:4]


def moment(ms: int) -> datetime:
    """Return a time as a calendar knows it."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def period(name: str, ms: int) -> tuple[int, int]:
    """Return the UTC day or the ISO week of a time."""
    if name == "weekly_loss":
        return moment(ms).isocalendar()[:2]
    return moment(ms).toordinal(), 0


def next_period(name: str, ms: int) -> int:
    """Return when the day or the week after that of a time begins."""
    day = moment(ms).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while name == "weekly_loss" and day.isoweekday() != 1:
        day += timedelta(days=1)
    return round(day.timestamp() * 1000)


def _tripped(told: Told, name: str) -> bool:
    return any(
        event.name == name and event.kind is BreakerEventKind.TRIPPED for event in told.events
    )


def _left(told: Told, name: str) -> bool:
    return told.before[name].phase is Phase.OPEN and told.after[name].phase is not Phase.OPEN


def _baseline(name: str, entries: Entries, now: int, window: int) -> int:
    """Return what a loss is measured from, from all marks since the last release."""
    if name == "drawdown":
        return max(equity for _, equity in entries)
    if name == "rolling_loss":
        kept = list[tuple[int, int]]()
        for time, equity in entries:
            if not kept or time // (window // 24) > kept[-1][0] // (window // 24):
                kept.append((time, equity))
        old = [equity for time, equity in kept if time <= now - window]
        return old[-1] if old else kept[0][1]
    before = [equity for time, equity in entries if period(name, time) < period(name, now)]
    return before[-1] if before else entries[0][1]


def losses_trip_at_their_limit(story: Sequence[Told]) -> None:
    """An equity breaker trips exactly when the loss, not the change, reaches its limit."""
    for name in EQUITY:
        if (rule := story[0].profile.rule(name)) is None:
            continue
        entries: Entries = []
        released: int | None = None
        for told in story:
            if told.what == "flow":
                entries = [(time, equity + told.values[0]) for time, equity in entries]
                released = released if released is None else released + told.values[0]
            if _left(told, name) and entries:
                released = entries[-1][1]
                entries = entries[-1:] if name != "rolling_loss" else []
            if told.what != "mark":
                continue
            equity, now = told.values[0], told.after[name].seen
            if not entries and released is not None:
                entries = [(now, released)]
            entries.append((now, equity))
            if told.before[name].phase is Phase.OPEN:
                continue
            base = _baseline(name, entries, now, rule.window)
            reached = base - equity > 0 and Fraction(base - equity, base) >= Fraction(
                rule.limit, 10**6
            )
            assert _tripped(told, name) is reached, (name, base, equity)


def streaks_count_losses(story: Sequence[Told]) -> None:
    """Three losing trades in a row trip, draws aside; a win in between starts anew."""
    name, results = "consecutive_losses", list[int]()
    for told in story if story[0].profile.rule(name) else ():
        if _left(told, name):
            results = []
        if told.what != "closed_trade":
            continue
        state = told.before[name]
        results += [told.values[0]] if told.values[0] else []
        on_trial = state.phase is Phase.HALF_OPEN and state.openings
        if told.values[0] > 0:
            results = []
        if state.phase is Phase.OPEN:
            continue
        expected = told.values[0] < 0 and bool(len(results) >= 3 or on_trial)
        assert _tripped(told, name) is expected


def failures_count_in_their_window(story: Sequence[Told]) -> None:
    """As many failures as the limit within the window trip, older ones are forgotten."""
    for name, what in (("api_failures", "api_failure"), ("bad_actions", "bad_action")):
        times = list[int]()
        if (rule := story[0].profile.rule(name)) is None:
            continue
        for told in story:
            if _left(told, name):
                times = []
            if told.what != what:
                continue
            now = told.after[name].seen
            times = [time for time in times if time > now - rule.window] + [now]
            if told.before[name].phase is Phase.CLOSED:
                assert _tripped(told, name) is (len(times) >= rule.limit)


def bad_news_trips_at_once(story: Sequence[Told]) -> None:
    """A slow answer, a jump, and too much margin trip at their limits and not under them."""
    limits = {"api_latency": 5_000, "margin": 900_000}
    for told in story:
        known = told.before.get(told.what)
        if told.what in limits and known is not None and known.phase is not Phase.OPEN:
            assert _tripped(told, told.what) is (told.values[0] >= limits[told.what])
    name, prices = "price_jump BTC/USDT", list[tuple[int, int]]()
    if (rule := story[0].profile.price_jump) is None:
        return
    for told in story:
        if name in told.before and _left(told, name):
            prices = []
        if told.what != "price":
            continue
        now, ticks = told.after[name].seen, told.values[1]
        near = [price for time, price in prices if time > now - rule.window]
        wide = [price for time, price in prices if time > now - rule.window * 25 // 24]
        prices.append((now, ticks))
        if name in told.before and told.before[name].phase is Phase.OPEN:
            continue
        if any(abs(ticks - price) * 5 >= price for price in near):
            assert _tripped(told, name)
        if not any(abs(ticks - price) * 5 >= price for price in wide):
            assert not _tripped(told, name)


def only_a_clean_pass_releases(story: Sequence[Told]) -> None:
    """OPEN ends with time, a clean pass and, where critical, an operator; then it does."""
    trips: dict[str, list[int]] = {}
    until: dict[str, int] = {}
    signed: set[str] = set()
    for told in story:
        for name, state in told.after.items():
            rule = None if name == "trades_per_day" else told.profile.rule(state.rule_name)
            if rule is None:
                assert state.phase is Phase.CLOSED
                continue
            if name in told.before and told.before[name].phase is Phase.OPEN:
                critical = rule.critical or _third(trips[name])
                ready = told.now >= until[name] and (name in signed or not critical)
                clean = told.what == "reconcile" and told.values[0]
                assert (state.phase is not Phase.OPEN) is bool(ready and clean), name
                if told.what == "reset" and told.values[0] == name:
                    signed.add(name)
                    if told.before[name].seen > told.now:
                        until[name] = min(until[name], _until(name, rule, told.now))
            if _tripped(told, name):
                trips.setdefault(name, []).append(state.seen)
                until[name] = _until(name, rule, state.seen)
                signed.discard(name)
                assert state.phase is Phase.OPEN


def _third(times: Sequence[int]) -> bool:
    return sum(time > times[-1] - 30 * DAY for time in times) >= 3


def _until(name: str, rule: BreakerRule, now: int) -> int:
    return next_period(name, now) if rule.next_period else now + rule.recovery


def clocks_never_run_back(story: Sequence[Told]) -> None:
    """A breaker forgets nothing because the clock jumped back; only an operator sets it right."""
    for told in story:
        for name, state in told.before.items():
            if told.what != "reset":
                assert told.after[name].seen >= state.seen


def restarts_change_nothing(story: Sequence[Told]) -> None:
    """Breakers read back before each event come out of it exactly as those that lived on."""
    for told in story:
        assert told.after_restart == told.after


def openings_wait_for_breakers(story: Sequence[Told]) -> None:
    """Nothing opens while one is OPEN; on trial one of half the size does, and a win ends it."""
    asked: dict[str, str] = {}
    for told in story:
        states = told.before.values()
        shut = any(one.phase is Phase.OPEN for one in states)
        trials = [one for one in states if one.phase is Phase.HALF_OPEN and one.name in LOSS]
        if told.what == "opening":
            verdict = told.verdict
            assert isinstance(verdict, Approved)
            assert not shut
            assert not any(asked.get(one.name) for one in trials)
            if trials:
                assert "half the size" in verdict.note
                before = verdict.note.rpartition(" → ")[0].rpartition("; ")[2]
                assert verdict.intent.lots == int(before) // 2
            asked |= {one.name: "out" for one in trials}
        if told.what == "closed_trade" and told.values[0] > 0:
            for one in trials:
                if asked.get(one.name):
                    assert told.after[one.name].phase is Phase.CLOSED
        if told.what in {"closed_trade", "unfilled_opening"}:
            for name in list(asked):
                if told.after[name].phase is not Phase.HALF_OPEN or not told.after[name].openings:
                    del asked[name]
        for name in list(asked):
            if told.after[name].phase is not Phase.HALF_OPEN:
                del asked[name]


def days_have_so_many_openings(story: Sequence[Told]) -> None:
    """No UTC day sees more openings than the limit; one that filled nothing does not count."""
    today: dict[str, list[str]] = {}
    latest = 0
    for told in story:
        if told.what == "unfilled_opening":
            for ids in today.values():
                ids[:] = [one for one in ids if one != str(told.values[0].decided_at)]
            latest = max(latest, told.now)
        if told.what not in {"opening", "refused"}:
            continue
        day = str(moment(max(latest, told.now)).date())
        ids = today.setdefault(day, [])
        if told.what == "opening":
            latest = max(latest, told.now)
            ids.append(str(told.values[0].decided_at))
            assert len(ids) <= 4
        elif isinstance(told.verdict, Refused) and told.verdict.rule == "trades_per_day":
            assert len(ids) == 4


BREAKER_RULES: list[Callable[[Sequence[Told]], None]] = [
    losses_trip_at_their_limit,
    streaks_count_losses,
    failures_count_in_their_window,
    bad_news_trips_at_once,
    only_a_clean_pass_releases,
    clocks_never_run_back,
    restarts_change_nothing,
    openings_wait_for_breakers,
    days_have_so_many_openings,
]


def _worst(one: AssetExposure, change: int = 0) -> int:
    ends = [
        one.lots + bought - sold
        for bought in (0, one.buying, one.buying + max(0, change))
        for sold in (0, one.selling, one.selling - min(0, change))
    ]
    return (max(abs(end) for end in ends) + one.foreign) * one.mark * one.unit_value


def _breaks(judged: Judged, lots: int) -> bool:
    """Return whether an opening of so many lots breaks a limit in the worst case."""
    profile, account, intent = judged.profile, judged.exposure, judged.intent
    values = {
        symbol: _worst(one, intent.side.sign * lots if symbol == intent.symbol else 0)
        for symbol, one in account.assets.items()
    }
    base = sum(value for symbol, value in values.items() if symbol.base == intent.symbol.base)
    held = account.assets[intent.symbol]
    stop = Fraction(1)
    if profile.stop_loss:
        stop = min(stop, Fraction(-(-held.mark * profile.stop_loss // 10**6), held.mark))
    if judged.stop_distance:
        stop = min(stop, Fraction(judged.stop_distance, held.mark))
    measured: list[tuple[Fraction | int, int | None]] = [
        (values[intent.symbol], profile.position),
        (base, profile.asset),
        (sum(values.values()), profile.exposure),
        (sum(values.values()), profile.leverage),
        (values[intent.symbol] * stop, profile.risk_per_trade),
    ]
    return any(
        limit is not None and value > Fraction(limit, 10**6) * account.equity
        for value, limit in measured
    )


def approvals_keep_every_limit(judged: Judged) -> None:
    """I9: what is approved breaks no limit, UNKNOWN and foreign lots counted."""
    verdict = judged.verdict
    if isinstance(verdict, Approved) and isinstance(verdict.intent, Opening):
        assert 0 < verdict.intent.lots <= judged.intent.lots
        assert judged.mode is Mode.ACTIVE
        assert not _breaks(judged, verdict.intent.lots)
        held = judged.exposure.assets[judged.intent.symbol]
        change = verdict.intent.side.sign * verdict.intent.lots
        assert verdict.reserved == _worst(held, change) - _worst(held)


def nothing_is_refused_in_vain(judged: Judged) -> None:
    """What is cut or refused would break a limit if it were one lot more."""
    verdict, intent = judged.verdict, judged.intent
    if not isinstance(intent, Opening) or judged.mode is not Mode.ACTIVE:
        return
    if isinstance(verdict, Approved):
        if verdict.intent.lots < intent.lots:
            assert _breaks(judged, verdict.intent.lots + 1)
            assert str(verdict.intent.lots) in verdict.note
        return
    if verdict.rule == "margin.soft":
        assert margin_usage(judged.exposure) >= (judged.profile.margin_soft or 0)
        return
    least = judged.exposure.assets[intent.symbol]
    first = max(intent.closes + 1, -(-least.min_notional // least.value(1)))
    assert first > intent.lots or _breaks(judged, first)


def exits_always_pass(judged: Judged) -> None:
    """A reduction of what is held passes but for the mode, capped at what is held."""
    verdict, intent = judged.verdict, judged.intent
    held = max(0, -intent.side.sign * judged.exposure.assets[intent.symbol].lots)
    if isinstance(intent, Reduction):
        if judged.mode in {Mode.ACTIVE, Mode.REDUCING}:
            assert isinstance(verdict, Approved) is (held > 0)
        if isinstance(verdict, Approved):
            assert verdict.intent.lots == min(held, intent.lots)
    elif isinstance(verdict, Refused) and judged.mode in {Mode.ACTIVE, Mode.REDUCING}:
        assert (verdict.instead is not None) is (intent.closes > 0)
        if verdict.instead is not None:
            assert isinstance(verdict.instead.intent, Reduction)
            assert verdict.instead.intent.lots == min(held, intent.closes)


ENGINE_RULES: list[Callable[[Judged], None]] = [
    approvals_keep_every_limit,
    nothing_is_refused_in_vain,
    exits_always_pass,
]

ON_MARGIN = RiskProfile("margin", margin_soft=800_000, margin=BreakerRule(900_000, critical=True))


def _values(exposure: Exposure) -> Iterator[int]:
    for one in exposure.assets.values():
        yield abs(one.lots) * one.mark * one.unit_value


def margin_cuts_suffice(exposure: Exposure) -> None:
    """The hard limit cuts the largest first, until usage lies under the soft one and no further."""
    cuts = margin_reductions(ON_MARGIN, exposure, 1)
    gross = sum(_values(exposure))
    if exposure.equity > 0 and Fraction(exposure.maintenance, exposure.equity) < Fraction(9, 10):
        assert not cuts
        return
    if not gross:
        assert not cuts
        return
    assert cuts
    left = gross
    sizes = []
    for cut in cuts:
        one = exposure.assets[cut.symbol]
        assert cut.side.sign * one.lots < 0
        assert cut.lots <= abs(one.lots)
        sizes.append(abs(one.lots) * one.mark * one.unit_value)
        left -= cut.lots * one.mark * one.unit_value
    untouched = [
        abs(one.lots) * one.mark * one.unit_value
        for symbol, one in exposure.assets.items()
        if symbol not in {cut.symbol for cut in cuts}
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size <= sizes[-1] for size in untouched)
    if exposure.equity <= 0:
        assert left == 0
        return
    usage = Fraction(exposure.maintenance * left, exposure.equity * gross)
    last = exposure.assets[cuts[-1].symbol]
    one_more = Fraction(
        exposure.maintenance * (left + last.mark * last.unit_value), exposure.equity * gross
    )
    assert usage < Fraction(8, 10) <= one_more
