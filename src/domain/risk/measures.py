"""What breakers measure, signed: only what was lost counts, a profit measures nothing.

Each function takes a breaker as it stands and what it is told, and returns it with what it has
learned and, if the limit is reached, what to say about it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from ..money import plain
from .breaker_state import BreakerState, Phase
from .rules import SHARE, BreakerKind, BreakerRule, duration, percent

BUCKETS = 24
"""Into so many parts a window is divided, so that what a breaker remembers stays small."""

Found = tuple[BreakerState, str]


def reaches(measure: int, base: int, limit: int, *, above: bool) -> bool:
    """Return whether measure ÷ base reaches ``limit`` millionths, or passes it if ``above``.

    A base that is not positive is no base: any positive measure then reaches every limit.
    """
    if base <= 0:
        return measure > 0
    return measure * SHARE > limit * base if above else measure * SHARE >= limit * base


def counted(count: int, limit: int, *, above: bool) -> bool:
    """Return whether a count reaches its limit, or passes it if ``above``."""
    return count > limit if above else count >= limit


def period_loss(
    state: BreakerState, kind: BreakerKind, rule: BreakerRule, equity: int, *, above: bool
) -> Found:
    """Measure the loss since the last mark before the day or the week began."""
    start = kind.period_start(state.seen)
    if state.baseline is None:
        state = replace(state, baseline=equity, period=start)
    elif start > state.period:
        state = replace(state, baseline=state.last, period=start)
    state = replace(state, last=equity)
    return state, _lost(state.baseline or 0, equity, rule, above=above)


def rolling_loss(state: BreakerState, rule: BreakerRule, equity: int, *, above: bool) -> Found:
    """Measure the loss against the equity a window ago, or as far back as there are marks."""
    samples = list(state.samples)
    edge = state.seen - rule.window
    while len(samples) > 1 and samples[1][0] <= edge:
        del samples[0]
    step = max(1, rule.window // BUCKETS)
    if not samples:
        # After a release the loss counts from the mark before it, not from the next one.
        start = equity if state.baseline is None else state.baseline
        samples.append((state.seen, start, start))
    elif state.seen // step > samples[-1][0] // step:
        samples.append((state.seen, equity, equity))
    state = replace(state, samples=tuple(samples), baseline=samples[0][1], last=equity)
    return state, _lost(samples[0][1], equity, rule, above=above)


def drawdown(state: BreakerState, rule: BreakerRule, equity: int, *, above: bool) -> Found:
    """Measure the loss from the highest mark."""
    if state.baseline is None or equity > state.baseline:
        state = replace(state, baseline=equity, count=0)
    state = replace(state, last=equity)
    return state, _lost(state.baseline or 0, equity, rule, above=above)


def losing_streak(state: BreakerState, rule: BreakerRule, realised: int, *, above: bool) -> Found:
    """Count closed trades that lost, one after the other."""
    if realised:
        state = replace(state, count=state.count + 1 if realised < 0 else 0)
    if realised >= 0 or not counted(state.count, rule.limit, above=above):
        return state, ""
    return state, f"{state.count} losing trades in a row, limit {rule.limit}"


def failures(state: BreakerState, rule: BreakerRule, *, above: bool) -> Found:
    """Count failures within the window; on trial one is enough."""
    kept = tuple(one for one in state.samples if one[0] > state.seen - rule.window)
    samples = (*kept, (state.seen, 1, 1))[-rule.limit - 1 :]
    state = replace(state, samples=samples)
    if state.phase is Phase.HALF_OPEN:
        return state, "failed again while on trial"
    if not counted(len(samples), rule.limit, above=above):
        return state, ""
    return state, f"{len(samples)} within {duration(rule.window)}, limit {rule.limit}"


def slow(state: BreakerState, rule: BreakerRule, elapsed: int, *, above: bool) -> Found:
    """Hold one answer's time against the limit."""
    if not counted(elapsed, rule.limit, above=above):
        return state, ""
    return state, f"an answer took {duration(elapsed)}, limit {duration(rule.limit)}"


def price_jump(state: BreakerState, rule: BreakerRule, ticks: int, *, above: bool) -> Found:
    """Hold a price against the least and the greatest of the window, either way."""
    edge = state.seen - rule.window
    samples = [one for one in state.samples if one[0] > edge]
    moved = max(
        (abs(ticks - price) * SHARE // price for _, *both in samples for price in both), default=0
    )
    cause = ""
    if any(
        reaches(abs(ticks - price), price, rule.limit, above=above)
        for _, *both in samples
        for price in both
    ):
        limit, window = percent(rule.limit), duration(rule.window)
        cause = f"the price moved {percent(moved)} within {window}, limit {limit}"
    step = max(1, rule.window // BUCKETS)
    if samples and state.seen // step == samples[-1][0] // step:
        _, least, greatest = samples[-1]
        samples[-1] = (state.seen, min(least, ticks), max(greatest, ticks))
    else:
        samples.append((state.seen, ticks, ticks))
    return replace(state, samples=tuple(samples)), cause


def margin_usage(state: BreakerState, rule: BreakerRule, usage: int, *, above: bool) -> Found:
    """Hold the used share of the margin against the hard limit."""
    if not counted(usage, rule.limit, above=above):
        return state, ""
    return state, f"margin usage {percent(usage)}, hard limit {percent(rule.limit)}"


def _lost(baseline: int, equity: int, rule: BreakerRule, *, above: bool) -> str:
    if not reaches(baseline - equity, baseline, rule.limit, above=above):
        return ""
    loss = percent((baseline - equity) * SHARE // baseline) if baseline > 0 else "everything"
    return f"lost {loss} from {_money(baseline)} to {_money(equity)}, limit {percent(rule.limit)}"


def _money(units: int) -> str:
    return plain(Decimal(units).scaleb(-8))
