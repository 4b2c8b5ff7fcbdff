"""Guard: modes, breakers and limits of one account, as the order desk asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ...domain.market import Instrument, Symbol
from ...domain.orders import Opening, OrderIntent, Reduction
from ...domain.risk import (
    EVERY_SYMBOL,
    AssetExposure,
    BreakerEvent,
    BreakerEventKind,
    Breakers,
    BreakerState,
    Exposure,
    Mode,
    ModeCause,
    RiskEngine,
    Verdict,
    effective,
    margin_reductions,
    margin_usage,
)
from ..execution.board import Board
from ..journal import BreakerRecord, FillRecord
from ..ports.kill_switch import KillSwitch
from ..ports.notifier import Notice, Notifier, Severity
from ..ports.unit_of_work import UnitOfWork
from .books import Books

SYMBOL_PAUSE = 120_000
"""How long an order may be UNKNOWN before its symbol is paused, milliseconds."""
ACCOUNT_PAUSE = 900_000
"""And before the whole account is."""

KILL = "kill"
FLATTEN = "flatten"
"""A kill that also closes what is held: written down as a mode cause, so that a restart knows."""
OPERATOR = "operator"
UNKNOWN = "unknown order"


@dataclass(frozen=True, slots=True)
class GuardGear:
    """What the guard looks at."""

    account: str
    instruments: Sequence[Instrument]
    books: Books
    engine: RiskEngine
    kill_switch: KillSwitch
    notifier: Notifier


class Guard:
    """Implements :class:`~mettle.application.execution.gear.Ruling`.

    What changes is written down by :meth:`commit`, in the transaction of its cause; until then it
    holds already, so that nothing is sent on the strength of a slow disk.
    """

    def __init__(self, gear: GuardGear) -> None:
        self._gear = gear
        self._breakers = Breakers(gear.engine.profile)
        self._written: dict[str, BreakerState] = {}
        self._causes: dict[tuple[str, str], ModeCause] = {}
        self._changed: dict[tuple[str, str], ModeCause | None] = {}
        self._audit: list[tuple[str, str, int]] = []
        self._marks: Sequence[int] = [0] * len(gear.instruments)
        self._foreign: Mapping[Symbol, int] = {}
        self._board = Board()
        self._lost: dict[Symbol, int] = {}
        self._gate = ""
        self._margin: Decimal | None = None

    # State.

    def load(self, unit: UnitOfWork) -> None:
        """Read modes and breakers from the journal."""
        account = self._gear.account
        states = [BreakerState.from_json(one.content) for one in unit.breakers.all(account)]
        self._breakers = Breakers(self._gear.engine.profile, states)
        self._written = {one.name: one for one in states}
        self._causes = {(one.symbol, one.cause): one for one in unit.modes.all(account)}
        self._changed.clear()

    def gate(self, reason: str) -> None:
        """Hold everything but protective exits until the next clean reconciliation."""
        self._gate = reason

    @property
    def is_gated(self) -> bool:
        """Whether the books were not held against the venue yet."""
        return bool(self._gate)

    def watch(self, board: Board) -> None:
        """Count the orders of a board as exposure."""
        self._board = board

    @property
    def is_written(self) -> bool:
        """Whether nothing has changed since the last commit."""
        return not (self._changed or self._audit or self._changed_breakers())

    def commit(self, unit: UnitOfWork) -> None:
        """Write down what changed since the last time, and commit it with its cause.

        What could not be kept is written again with the next one.
        """
        written = self._write(unit)
        unit.commit()
        self._written.update(written)
        self._changed.clear()
        self._audit.clear()

    def _write(self, unit: UnitOfWork) -> dict[str, BreakerState]:
        account = self._gear.account
        for (symbol, cause), change in self._changed.items():
            if change is None:
                unit.modes.clear(account, symbol, cause)
            else:
                unit.modes.put(change)
        changed = self._changed_breakers()
        for name, state in changed.items():
            content, phase = state.to_json(), state.phase.value
            unit.breakers.put(BreakerRecord(account, name, phase, content, state.seen))
        for subject, text, at in self._audit:
            unit.audit.add(account, subject, text, at, at)
        return changed

    def _changed_breakers(self) -> dict[str, BreakerState]:
        states = self._breakers.states.items()
        return {name: one for name, one in states if self._written.get(name) != one}

    # Modes.

    def causes(self) -> tuple[ModeCause, ...]:
        """Return every reason to be less than ACTIVE."""
        account = self._gear.account
        found = [*self._causes.values(), *self._breakers.causes(account)]
        reason = self._gear.kill_switch.reason(account)
        if self._gate:
            found.append(ModeCause(account, EVERY_SYMBOL, "start", Mode.PAUSED, 0, self._gate))
        if reason is not None and (EVERY_SYMBOL, KILL) not in self._causes:
            found.append(ModeCause(account, EVERY_SYMBOL, KILL, Mode.KILLED, 0, reason))
        return tuple(found)

    def mode(self, symbol: Symbol | None = None) -> Mode:
        """Return the effective mode of a symbol, or of the account."""
        return effective(self.causes(), EVERY_SYMBOL if symbol is None else str(symbol))

    @property
    def is_killed(self) -> bool:
        """Whether the account is killed, as far as that was noticed."""
        return any(one.mode is Mode.KILLED for one in self._causes.values())

    @property
    def flattens(self) -> bool:
        """Whether everything held is to be closed."""
        return (EVERY_SYMBOL, FLATTEN) in self._causes

    def impose(self, cause: str, mode: Mode, reason: str, now: int, symbol: str = "") -> None:
        """Add a cause, or change that of the same symbol and name."""
        key = symbol, cause
        known = self._causes.get(key)
        if known is not None and (known.mode, known.reason) == (mode, reason):
            return
        found = ModeCause(self._gear.account, symbol, cause, mode, now, reason)
        self._causes[key] = self._changed[key] = found
        self._note(f"mode {symbol or 'account'}", f"{mode.name}: {cause}: {reason}", now)
        severity = Severity.CRITICAL if mode >= Mode.PAUSED else Severity.WARNING
        self._say(severity, "mode", f"{symbol or 'account'} {mode.name}: {reason}", now)

    def lift(self, cause: str, now: int, symbol: str = "") -> bool:
        """Remove a cause; return whether there was one."""
        key = symbol, cause
        if self._causes.pop(key, None) is None:
            return False
        self._changed[key] = None
        self._note(f"mode {symbol or 'account'}", f"{cause} has ended", now)
        return True

    # What the desk asks and tells.

    def judge(self, intent: OrderIntent, now: int) -> Verdict:
        """Judge an intent as things stand."""
        mode = self.mode(intent.symbol)
        return self._gear.engine.judge(intent, self.exposure(), self._breakers, mode, now)

    def exposure(self) -> Exposure:
        """Return the account as the risk engine sees it."""
        account = self._gear.books.account
        assets = {}
        for one, state, terms, mark in zip(
            self._gear.instruments, account.assets, account.terms, self._marks, strict=True
        ):
            buying, selling = self._board.open_lots(one.symbol)
            assets[one.symbol] = AssetExposure(
                one.symbol,
                state.lots,
                buying,
                selling,
                mark,
                terms.unit_value,
                terms.min_notional,
                self._foreign.get(one.symbol, 0),
            )
        equity = account.equity(self._marks)
        needed = 0 if self._margin is None else int(self._margin * max(0, equity))
        return Exposure(self._gear.account, equity, account.cash, assets, needed)

    def lost_sight(self, symbol: Symbol, since: int, what: str, now: int) -> None:
        """Pause a symbol, and later the account, while something about it is unknown."""
        self._lost[symbol] = min(since, self._lost.get(symbol, since))
        age = now - self._lost[symbol]
        if age >= SYMBOL_PAUSE:
            self.impose(UNKNOWN, Mode.PAUSED, f"{what} is unknown", now, str(symbol))
        if age >= ACCOUNT_PAUSE:
            self.impose(UNKNOWN, Mode.PAUSED, f"{symbol}: {what} is unknown", now)

    def found_again(self, symbol: Symbol, now: int) -> None:
        """Lift that pause."""
        if self._lost.pop(symbol, None) is None and (str(symbol), UNKNOWN) not in self._causes:
            return
        self.lift(UNKNOWN, now, str(symbol))
        if not self._lost:
            self.lift(UNKNOWN, now)

    def heard(self, *, failed: bool, latency_ms: int, now: int) -> None:
        """Tell the breakers how a call to the venue went."""
        if failed:
            self._happened(self._breakers.on_api_failure(now))
        self._happened(self._breakers.on_api_latency(latency_ms, now))

    def opening(self, opening: Opening, now: int) -> None:
        """Count an opening that is about to be sent."""
        self._happened(self._breakers.on_opening(opening, now))

    def unfilled(self, opening: Opening, now: int) -> None:
        """Forget an opening that ended without a fill."""
        self._happened(self._breakers.on_unfilled_opening(opening, now))

    def booked(self, fill: FillRecord, earned: int | None, now: int) -> None:
        """Tell the breakers of a round trip that has ended."""
        self._say(Severity.INFO, "fill", _fill_text(fill), now)
        if earned is not None:
            self._happened(self._breakers.on_closed_trade(earned, now))

    # What the session tells.

    def marked(self, closes: Sequence[int], equity: int, now: int) -> tuple[Reduction, ...]:
        """Take the closes of a bar, in column order; return what the margin guard cuts."""
        self._marks = closes
        if self._breakers.watches_prices:
            for one, ticks in zip(self._gear.instruments, closes, strict=True):
                self._happened(self._breakers.on_price(one.symbol, ticks, now))
        if flow := self._gear.books.take_flow():
            self._happened(self._breakers.on_flow(flow, now))
        self._happened(self._breakers.on_mark(equity, now))
        if self._margin is None:
            return ()
        exposure = self.exposure()
        self._happened(self._breakers.on_margin(margin_usage(exposure), now))
        return margin_reductions(self._gear.engine.profile, exposure, now)

    def margin(self, ratio: Decimal | None) -> None:
        """Take the venue's margin ratio; None on a cash account."""
        self._margin = ratio

    def remember(self, closes: Sequence[int]) -> None:
        """Take the last closes again after a restart; nothing is measured by them."""
        self._marks = closes

    def bad_action(self, now: int) -> None:
        """Count an action that was no number."""
        self._happened(self._breakers.on_bad_action(now))

    def reconciled(self, now: int, *, clean: bool, foreign: Mapping[Symbol, int]) -> None:
        """Take the end of a reconciliation: the only door out of an open breaker."""
        self._foreign = foreign
        if clean:
            self._gate = ""
        self._happened(self._breakers.on_reconciliation(now, clean=clean))

    def reset_breaker(self, name: str, operator: str, now: int) -> str:
        """Take an operator's word about a breaker; return what came of it."""
        events = self._breakers.reset(name, operator, now)
        self._happened(events)
        return events[0].text if events else f"breaker {name} is not open"

    @property
    def is_waiting(self) -> bool:
        """Whether an open breaker waits for a clean reconciliation."""
        return self._breakers.is_open

    def _happened(self, events: Iterable[BreakerEvent]) -> None:
        for event in events:
            self._note(f"breaker {event.name}", f"{event.kind.value}: {event.text}", event.at)
            tripped = event.kind is BreakerEventKind.TRIPPED
            severity = Severity.CRITICAL if tripped else Severity.INFO
            text = f"{event.name} {event.kind.value}: {event.text}"
            self._say(severity, "breaker", text, event.at)

    def _note(self, subject: str, text: str, at: int) -> None:
        self._audit.append((subject, text, at))

    def _say(self, severity: Severity, topic: str, text: str, at: int) -> None:
        self._gear.notifier.send(Notice(severity, topic, text, at, self._gear.account))


def _fill_text(fill: FillRecord) -> str:
    side = "bought" if fill.side > 0 else "sold"
    return f"{side} {fill.lots} lots of {fill.symbol} at {fill.ticks} ticks"
