"""All breakers of one account: told what happens, they say what tripped and what was released.

There is no way out of OPEN by time alone: only :meth:`Breakers.on_reconciliation` leads there, and
only a clean one, after the recovery time, and for critical ones after an operator. Losses are
marked to market and signed. A clock that jumps back keeps what is tripped tripped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..market import Symbol
from ..orders import Opening, intent_id
from . import measures
from .breaker_state import BreakerEvent, BreakerEventKind, BreakerState, Phase
from .measures import Found
from .mode import Mode, ModeCause
from .profile import RiskProfile
from .rules import DAY, KINDS, BreakerRule, percent

TRADES = "trades_per_day"
_EQUITY = ("daily_loss", "rolling_loss", "weekly_loss", "drawdown")
_Measure = Callable[[BreakerState, BreakerRule], Found]


class Breakers:
    """The breakers that a profile sets, and those that were tripped under another one.

    Not thread-safe. It holds nothing but :attr:`states`: made anew from what they wrote, it goes
    on exactly as if it had never stopped.

    Args:
        states: As they were written down; a breaker without one begins CLOSED.
    """

    def __init__(self, profile: RiskProfile, states: Iterable[BreakerState] = ()) -> None:
        self._profile = profile
        self._states = {state.name: state for state in states}
        for name, state in self._states.items():
            # A rule that is gone ends a trial, but never an OPEN: that has its own door.
            if state.phase is Phase.HALF_OPEN and self._rule(state) is None:
                self._states[name] = state.closed()
        for name, _ in profile.rules():
            if name != "price_jump":
                self._states.setdefault(name, BreakerState(name))
        self._states.setdefault(TRADES, BreakerState(TRADES))
        self._losses = tuple(name for name in _EQUITY if name in self._states)

    @property
    def states(self) -> Mapping[str, BreakerState]:
        """Every breaker by name; write down those that changed in the transaction of the cause."""
        return dict(self._states)

    # What it is told ---------------------------------------------------------------------------

    def on_mark(self, equity: int, now: int) -> list[BreakerEvent]:
        """Take the equity, open positions at their marks, 1e-8 of the quote currency."""
        events: list[BreakerEvent] = []
        for name in self._losses:
            events += self._tell(name, now, self._loss(name, equity))
        return events + self._review() if "drawdown" in self._losses else events

    def _loss(self, name: str, equity: int) -> _Measure:
        """Return how a breaker measures what was lost."""
        above = self._profile.trips_above
        if name == "rolling_loss":
            return lambda s, r: measures.rolling_loss(s, r, equity, above=above)
        if name == "drawdown":
            return lambda s, r: measures.drawdown(s, r, equity, above=above)
        return lambda s, r: measures.period_loss(s, KINDS[name], r, equity, above=above)

    def on_flow(self, amount: int, now: int) -> list[BreakerEvent]:
        """Take a deposit (positive) or a withdrawal: neither is a profit or a loss."""
        for name in _EQUITY:
            state = self._states.get(name)
            if state is None or state.baseline is None or state.last is None:
                continue
            self._states[name] = replace(
                state.at(now),
                baseline=state.baseline + amount,
                last=state.last + amount,
                samples=tuple((t, low + amount, high + amount) for t, low, high in state.samples),
            )
        return []

    def on_closed_trade(self, realised: int, now: int) -> list[BreakerEvent]:
        """Take the result of a closed round trip after costs, 1e-8 of the quote currency.

        On trial, once the one opening is out: a win closes the breaker, a loss trips it again, and
        a draw allows another opening.
        """
        above = self._profile.trips_above
        events = self._tell(
            "consecutive_losses",
            now,
            lambda s, r: measures.losing_streak(s, r, realised, above=above),
        )
        for state in self.states.values():
            rule = self._rule(state)
            if rule is not None and state.phase is Phase.HALF_OPEN and state.openings:
                events += self._end_trial(state.at(now), rule, realised)
        return events

    def on_api_failure(self, now: int) -> list[BreakerEvent]:
        """Take a call to the venue that failed."""
        return self._failure("api_failures", now)

    def on_bad_action(self, now: int) -> list[BreakerEvent]:
        """Take a policy's output that was NaN, infinite or out of range."""
        return self._failure("bad_actions", now)

    def on_api_latency(self, elapsed: int, now: int) -> list[BreakerEvent]:
        """Take how long a call took, ms; on trial an answer in time closes the breaker."""
        above = self._profile.trips_above
        return self._tell(
            "api_latency",
            now,
            lambda s, r: measures.slow(s, r, elapsed, above=above),
            well="closed by an answer in time",
        )

    def on_price(self, symbol: Symbol, ticks: int, now: int) -> list[BreakerEvent]:
        """Take a symbol's price; its breaker is its own. A price that is none says nothing."""
        if self._profile.price_jump is None or ticks <= 0:
            return []
        name = f"price_jump {symbol}"
        self._states.setdefault(name, BreakerState(name))
        above = self._profile.trips_above
        return self._tell(
            name, now, lambda s, r: measures.price_jump(s, r, ticks, above=above)
        ) + self._settle(now)

    def on_margin(self, usage: int, now: int) -> list[BreakerEvent]:
        """Take the used share of the margin, millionths; on trial a low one closes the breaker."""
        above = self._profile.trips_above
        return self._tell(
            "margin",
            now,
            lambda s, r: measures.margin_usage(s, r, usage, above=above),
            well="closed by usage under the hard limit",
        )

    def on_opening(self, opening: Opening, now: int) -> list[BreakerEvent]:
        """Take an approved opening that is about to be sent, in the transaction that writes it."""
        entry = (intent_id(opening), opening.lots)
        self._openings_of_today(now)
        for name, state in self._states.items():
            if name != TRADES and not _tries(state):
                continue
            if entry[0] not in dict(state.openings):
                self._states[name] = replace(state.at(now), openings=(*state.openings, entry))
        return []

    def on_unfilled_opening(self, opening: Opening, now: int) -> list[BreakerEvent]:
        """Take an opening that ended without a fill: it was none."""
        lost = intent_id(opening)
        for name, state in self._states.items():
            kept = tuple(entry for entry in state.openings if entry[0] != lost)
            self._states[name] = replace(state.at(now), openings=kept)
        return []

    def on_reconciliation(self, now: int, *, clean: bool) -> list[BreakerEvent]:
        """Take the end of a reconciliation; the only door out of OPEN, if it was clean."""
        events = self._settle(now)
        if not clean:
            return events
        for name, state in self._states.items():
            if not state.may_leave(now):
                continue
            if self._rule(state) is None:
                self._states[name] = state.at(now).closed()
                text = "closed, the profile has it no longer"
                events.append(_event(state.at(now), BreakerEventKind.CLOSED, text))
                continue
            self._states[name] = state.at(now).on_trial()
            text = f"on trial after {state.cause}; baseline and counters begin anew"
            events.append(_event(self._states[name], BreakerEventKind.ON_TRIAL, text))
        return events

    def reset(self, name: str, operator: str, now: int) -> list[BreakerEvent]:
        """Take an operator's word that a breaker may recover; time and reconciliation still count.

        A breaker whose clock ran ahead of the operator's is brought back to it.
        """
        state = self._states.get(name)
        if state is None or state.phase is not Phase.OPEN:
            return []
        rule = self._rule(state)
        if state.seen > now and rule is not None:
            until = rule.until(KINDS[state.rule_name], now)
            state = replace(state, seen=now, since=now, until=min(state.until, until))
        state = replace(state, acknowledged=True)
        self._states[name] = state
        text = f"acknowledged by {operator}: {state.cause}"
        return [_event(state, BreakerEventKind.ACKNOWLEDGED, text)]

    # What it is asked --------------------------------------------------------------------------

    def blocking(self, symbol: Symbol) -> BreakerState | None:
        """Return an OPEN breaker that forbids opening ``symbol``, the critical ones first."""
        found = [
            state
            for state in self._states.values()
            if state.phase is Phase.OPEN and state.symbol in {"", str(symbol)}
        ]
        return max(found, key=lambda state: (state.critical, state.until), default=None)

    def trials(self) -> list[BreakerState]:
        """Return the loss breakers that allow one half-size opening."""
        return [state for state in self._states.values() if _tries(state)]

    def openings_today(self, now: int) -> Mapping[str, int]:
        """Return id and lots of the openings of the UTC day."""
        state = self._states[TRADES]
        today = max(now, state.seen) // DAY * DAY
        return dict(state.openings) if state.period == today else {}

    @property
    def watches_prices(self) -> bool:
        """Whether :meth:`on_price` says anything."""
        return self._profile.price_jump is not None

    @property
    def is_open(self) -> bool:
        """Whether any breaker is OPEN."""
        return Phase.OPEN in [state.phase for state in self._states.values()]

    def causes(self, account: str) -> list[ModeCause]:
        """Return what the OPEN breakers make of the account's mode."""
        return [
            ModeCause(
                account,
                state.symbol,
                f"breaker {state.rule_name}",
                Mode.PAUSED if _kind_pauses(state) else Mode.REDUCING,
                state.since,
                state.cause,
            )
            for state in self._states.values()
            if state.phase is Phase.OPEN
        ]

    # How -----------------------------------------------------------------------------------------

    def _rule(self, state: BreakerState) -> BreakerRule | None:
        return self._profile.rule(state.rule_name) if state.rule_name in KINDS else None

    def _tell(self, name: str, now: int, measure: _Measure, well: str = "") -> list[BreakerEvent]:
        """Let a breaker learn; ``well`` closes one on trial that was not tripped."""
        state = self._states.get(name)
        if state is None or (rule := self._rule(state)) is None:
            return []
        state, cause = measure(state.at(now), rule)
        self._states[name] = state
        if state.phase is Phase.OPEN:
            return []
        if cause:
            return self._trip(state, rule, cause)
        if well and state.phase is Phase.HALF_OPEN:
            self._states[name] = state.closed()
            return [_event(state, BreakerEventKind.CLOSED, well)]
        return []

    def _trip(self, state: BreakerState, rule: BreakerRule, cause: str) -> list[BreakerEvent]:
        tripped = state.tripped(rule, KINDS[state.rule_name], cause)
        self._states[state.name] = tripped
        note = ", an operator must release it" if tripped.critical else ""
        return [_event(tripped, BreakerEventKind.TRIPPED, f"{cause}{note}")]

    def _end_trial(
        self, state: BreakerState, rule: BreakerRule, realised: int
    ) -> list[BreakerEvent]:
        if realised < 0:
            return self._trip(state, rule, "the trade on trial lost")
        self._states[state.name] = replace(state, openings=())
        if not realised:
            return []
        self._states[state.name] = replace(state, count=0).closed()
        return [_event(state, BreakerEventKind.CLOSED, "closed by a winning trade")]

    def _failure(self, name: str, now: int) -> list[BreakerEvent]:
        above = self._profile.trips_above
        events = self._settle(now)
        return events + self._tell(name, now, lambda s, r: measures.failures(s, r, above=above))

    def _settle(self, now: int) -> list[BreakerEvent]:
        """Close those on trial that count failures, once a whole window went by without one."""
        events = []
        for name, state in self._states.items():
            kind, rule = KINDS.get(state.rule_name), self._rule(state)
            if kind is None or rule is None or kind.loss or not kind.windowed:
                continue
            if state.phase is Phase.HALF_OPEN and now - state.since >= rule.window:
                self._states[name] = state.at(now).closed()
                events.append(_event(self._states[name], BreakerEventKind.CLOSED, "quiet again"))
        return events

    def _review(self) -> list[BreakerEvent]:
        limit, state = self._profile.drawdown_review, self._states.get("drawdown")
        if limit is None or state is None or state.baseline is None or state.last is None:
            return []
        lost, above = state.baseline - state.last, self._profile.trips_above
        if state.count or not measures.reaches(lost, state.baseline, limit, above=above):
            return []
        self._states["drawdown"] = replace(state, count=1)
        text = f"review: the drawdown has reached {percent(limit)}"
        return [_event(state, BreakerEventKind.REVIEW, text)]

    def _openings_of_today(self, now: int) -> None:
        state = self._states[TRADES].at(now)
        today = state.seen // DAY * DAY
        if state.period != today:
            state = replace(state, period=today, openings=())
        self._states[TRADES] = state


def _tries(state: BreakerState) -> bool:
    kind = KINDS.get(state.rule_name)
    return kind is not None and kind.loss and state.phase is Phase.HALF_OPEN


def _kind_pauses(state: BreakerState) -> bool:
    return state.rule_name in KINDS and KINDS[state.rule_name].pauses


def _event(state: BreakerState, kind: BreakerEventKind, text: str) -> BreakerEvent:
    return BreakerEvent(state.name, kind, text, state.critical, state.seen)
