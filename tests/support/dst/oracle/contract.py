"""Rules of the contract beside the numbered invariants, and what breakers and kills owe."""

from __future__ import annotations

import json
from collections.abc import Callable

from mettle.application.journal import (
    BreakerRecord,
    ControlRecord,
    ControlVerb,
    EquityMark,
    IntentRecord,
    IntentStatus,
    OrderRecord,
)
from mettle.application.ports.venue import VenueOrderStatus
from mettle.domain.orders import intent_id
from mettle.domain.risk import RiskProfile

from .control import ControlRules
from .truth import Truth
from .view import JournalView, opens, state_name
from .violations import Findings

_DAY = 86_400_000
_SEND_WITHIN = 5_010
_DRIFT = 10_500
_PROOF_OF_LIFE = 20
_STILL_ASKED = 60_000
_LOSSES = {"daily_loss", "weekly_loss", "drawdown", "rolling_loss", "consecutive_losses"}
_SIGNED = {"daily_loss", "weekly_loss", "drawdown"}
FOREIGN = "manual-"
"""How the ids of other people's orders begin."""


class ContractRules:
    """Watches what no single number shows."""

    def __init__(
        self,
        view: JournalView,
        truth: Truth,
        found: Findings,
        control: ControlRules,
        profile: RiskProfile,
    ) -> None:
        self._view = view
        self._truth = truth
        self._found = found
        self._control = control
        self._profile = profile
        self._asked: dict[str, ControlRecord] = {}
        self._trial: dict[str, dict[str, None]] = {}
        self._baseline = 0
        self._day = -1
        self._tripped = False
        self._moved = False
        self._calls = 0
        self._cancelled: dict[str, int] = {}
        self._traded = False
        self._unpaused: dict[str, int] = {}
        self.clock_of: Callable[[str], int] = lambda _: found.time

    # What leaves.

    def called(self, actor: str) -> None:
        """Count a call of a trader, as a sign of life."""
        self._calls += actor != "operator"

    def cancels(self, order_id: str) -> None:
        """Judge a cancellation."""
        self._cancelled[order_id] = self._found.time
        self._found.need(
            not order_id.startswith(FOREIGN), "foreign", f"{order_id} is not ours to cancel"
        )

    def sends(self, actor: str, order: OrderRecord) -> None:
        """Judge a create: deadline, lease, drift, and what breakers allow."""
        order_id, now = order.client_order_id, self.clock_of(actor)
        self._traded = True
        waited = now - (order.sent_at or now)
        self._found.need(
            waited <= _SEND_WITHIN, "deadline", f"{order_id} left {waited} ms after it was written"
        )
        lease = self._view.lease
        if lease is not None:
            self._found.need(
                now < lease.expires_at, "I17", f"{order_id} left after the lease had ended"
            )
        if opens(order, self._view):
            self._drift(actor, order)
            self._losses(order)

    def _drift(self, actor: str, order: OrderRecord) -> None:
        record = self._view.intents.get(intent_id(order.intent))
        quote = self._control.quotes.get((actor, str(order.intent.symbol)))
        if record is None or quote is None or record.arrival <= 0:
            return
        touch = quote.ask if order.intent.side.sign > 0 else quote.bid
        away = abs(touch - record.arrival) * 1_000_000
        self._found.need(
            away <= _DRIFT * record.arrival,
            "drift",
            f"{order.client_order_id} opens at {touch}, decided at {record.arrival}",
        )

    def _losses(self, order: OrderRecord) -> None:
        view, key = self._view, intent_id(order.intent)
        if self._tripped and not self._moved:
            record = view.breakers.get("daily_loss")
            self._found.need(
                record is not None and record.state != "closed",
                "I10",
                f"{order.client_order_id} opens after the daily loss, and no breaker says so",
            )
        for name, trial in self._trial.items():
            others = [one for one in trial if one != key and self._counts(one)]
            self._found.need(
                not others,
                "I10",
                f"{order.client_order_id} is the second opening of {name}'s trial",
            )
            trial[key] = None

    def _counts(self, intent: str) -> bool:
        attempts = self._view.attempts[intent]
        live = any(one in self._view.possibly_live for one in attempts)
        return live or any(self._view.booked[one] for one in attempts)

    # What is written.

    def marked(self, mark: EquityMark, actor: str) -> None:
        """Measure the day's loss, and see that what is unknown for long pauses its symbol."""
        day = mark.marked_at // _DAY
        if day != self._day:
            last = self._view.last_mark
            self._baseline = mark.equity if last is None else last.equity
            self._day, self._tripped = day, False
        rule = self._profile.daily_loss
        if rule is not None and self._baseline > 0:
            lost = (self._baseline - mark.equity) * 1_000_000
            self._tripped = self._tripped or lost > (rule.limit + 1) * self._baseline
        self._unknown(self.clock_of(actor))

    def _unknown(self, now: int) -> None:
        """An order that is unknown for long pauses its symbol, three bars later at the latest."""
        late: dict[str, int] = {}
        for order_id in self._view.possibly_live:
            order = self._view.orders[order_id]
            since = int(getattr(order.state, "since", now))
            paused = self._view.mode(str(order.intent.symbol)) >= 2
            if state_name(order) == "Unknown" and now - since > 180_000 and not paused:
                late[order_id] = self._unpaused.get(order_id, 0) + 1
                self._found.need(
                    late[order_id] <= 3,
                    "unknown",
                    f"{order_id} is unknown for {now - since} ms and nothing is paused",
                )
        self._unpaused = late

    def ended(self) -> None:
        """Take note that a process ended: the next one begins to look anew."""
        self._unpaused = {}

    def transferred(self) -> None:
        """Take note that money moved without an order; the day's loss is no longer ours to say."""
        self._moved = True

    def breaker(self, record: BreakerRecord, before: BreakerRecord | None) -> None:
        """Judge a change of a breaker: signed, long enough, and one opening on trial."""
        name = record.name.partition(" ")[0]
        content = json.loads(record.content)
        opened = record.state == "open" and (before is None or before.state != "open")
        rule = self._profile.rule(name) if name != "trades_per_day" else None
        if opened and rule is not None:
            length = int(content["until"]) - int(content["since"])
            self._found.need(
                length >= rule.recovery, "I16", f"{name} opened for {length} of {rule.recovery} ms"
            )
        fresh = opened and (before is None or before.state == "closed")
        if fresh and name in _SIGNED and content["baseline"] is not None:
            self._found.need(
                content["last"] < content["baseline"],
                "I10",
                f"{name} tripped at a profit: {content['baseline']} became {content['last']}",
            )
        if record.state == "half open" and name in _LOSSES:
            if before is None or before.state != "half open":
                self._trial[record.name] = {}
        else:
            self._trial.pop(record.name, None)
        if name == "daily_loss" and record.state != "closed":
            self._tripped = False
            if record.state == "open" or before is None or before.state != "half open":
                # Leaving OPEN rebases, and what is won or lost on trial counts from there.
                self._baseline = int(content["last"] or self._baseline)

    def intended(self, record: IntentRecord) -> None:
        """An intent that ends as filled is filled."""
        if record.status is not IntentStatus.DONE or record.outcome != "filled":
            return
        booked = sum(self._view.booked[one] for one in self._view.attempts[record.intent_id])
        self._found.need(
            booked >= record.intent.lots,
            "remainder",
            f"intent {record.intent_id} ended as filled with {booked} of {record.intent.lots} lots",
        )

    def commanded(self, record: ControlRecord) -> None:
        """Take note of a command."""
        self._asked[record.control_id] = record

    def obeyed(self, control_id: str, outcome: str) -> None:
        """A pause that was answered is written down with the answer."""
        asked = self._asked.get(control_id)
        if asked is None or outcome != asked.verb.value:
            return
        needed = {ControlVerb.PAUSE: 2, ControlVerb.REDUCE: 1}.get(asked.verb)
        if needed is not None:
            cause = self._view.causes.get((asked.argument, "operator"))
            self._found.need(
                cause is not None and int(cause.mode) >= needed,
                "persist",
                f"{asked.verb.value} was answered and is not written down",
            )

    # Kills.

    def killed(self) -> None:
        """Begin to watch what a kill does.

        Where one follows another within a minute and the trader has sent nothing new, what he asked
        to end for the last counts for this one: he goes on with the orders not asked about yet.
        """
        self._calls = 0
        since = self._found.time - _STILL_ASKED
        kept = {} if self._traded else self._cancelled
        self._cancelled = {order: asked for order, asked in kept.items() if asked >= since}
        self._traded = False

    def rearmed(self, killed_at: int) -> None:
        """I11: whoever lived after the kill asked to end every order of before it."""
        if self._calls < _PROOF_OF_LIFE:
            return
        for order_id, order in self._view.orders.items():
            for shown in self._truth.orders(order_id):
                if shown.trigger is not None:
                    continue  # a protective stop stays
                old = order.recorded_at < killed_at and shown.status is VenueOrderStatus.OPEN
                self._found.need(
                    not old or order_id in self._cancelled,
                    "I11",
                    f"{order_id} was open during the kill and nobody asked to end it",
                )
