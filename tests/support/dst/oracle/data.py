"""I15, I19, I20: what was decided on, what was decided, and what was said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mettle.application.journal import DecisionRecord, IntentRecord, SeenBar
from mettle.domain.orders import Purpose
from numpy.typing import NDArray

from .truth import Truth
from .view import JournalView
from .violations import Findings


class DataRules:
    """Watches bars, decisions and every text that leaves.

    Args:
        interval_ms: Length of a bar.
        canaries: Secrets that no sink may show.
    """

    def __init__(
        self,
        view: JournalView,
        truth: Truth,
        found: Findings,
        interval_ms: int,
        canaries: Sequence[str] = (),
    ) -> None:
        self._view = view
        self._truth = truth
        self._found = found
        self._interval = interval_ms
        self._canaries = tuple(canaries)
        self._last: dict[str, int] = {}
        self._latest = 0
        self._last_actions: tuple[float, ...] = ()
        self._symbols = [str(one.symbol) for one in truth.instruments]

    def said(self, sink: str, text: str) -> None:
        """I19: look for secrets in a text."""
        for canary in self._canaries:
            self._found.need(canary not in text, "I19", f"a secret in {sink}")

    def ticked(self) -> None:
        """Take note of the venue's clock, which may be set back after it called a bar closed."""
        self._latest = max(self._latest, self._truth.now())

    def told(self, actions: NDArray[np.float32]) -> None:
        """Remember what an agent said last."""
        self._last_actions = tuple(actions.tolist())

    def seen(self, bar: SeenBar) -> None:
        """I15: a bar is closed by the venue's clock, unique, contiguous."""
        closes = bar.open_time + self._interval
        self.ticked()
        self._found.need(
            closes <= self._latest, "I15", f"{bar.symbol} {bar.open_time} was still open"
        )
        last = self._last.get(bar.symbol)
        self._found.need(
            last is None or bar.open_time == last + self._interval,
            "I15",
            f"{bar.symbol}: the bar of {bar.open_time} follows that of {last}",
        )
        self._last[bar.symbol] = bar.open_time
        self._view.closes[bar.symbol, bar.open_time] = bar.close
        self._view.last_close[bar.symbol] = bar.close
        if len(self._view.closes) > 4096:
            for key in list(self._view.closes)[:2048]:
                del self._view.closes[key]

    def decided(self, decision: DecisionRecord) -> None:
        """I15 and I20: decided after the close, and a bad action holds."""
        self._found.need(
            decision.bar_time not in self._view.decisions,
            "I15",
            f"the bar of {decision.bar_time} was decided on twice",
        )
        self._found.need(
            decision.decided_at <= self._latest,
            "I15",
            f"decided at {decision.decided_at}, the venue has {self._latest}",
        )
        for one, given in zip(decision.assets, self._last_actions, strict=False):
            action = one.action
            bad = action is None or not -1 <= action <= 1
            self._found.need(
                not bad or one.change == 0 or one.verdict.startswith("margin"),
                "I20",
                f"{one.symbol}: action {action} became a change of {one.change}",
            )
            self._found.need(
                action is None or action == given,
                "I20",
                f"{one.symbol}: the agent said {given}, written was {action}",
            )

    def intended(self, record: IntentRecord) -> None:
        """I15: an agent's intent has a decision, of that size and side."""
        intent = record.intent
        if intent.purpose is not Purpose.REBALANCE or not self._view.decisions:
            return
        decision = next(
            (one for one in self._view.decisions.values() if one.decided_at == intent.decided_at),
            None,
        )
        if decision is None:
            self._found.broken("I20", f"{intent.symbol}: an intent without a decision")
            return
        change = sum(one.change for one in decision.assets if one.symbol == str(intent.symbol))
        self._found.need(
            change * intent.side.sign >= intent.lots,
            "I20",
            f"{intent.symbol}: {intent.side.value} {intent.lots}, decided {change}",
        )
