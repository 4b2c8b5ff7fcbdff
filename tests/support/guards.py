"""A guard in memory, for the tests of what rules a session."""

from __future__ import annotations

from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.session.books import Books
from mettle.application.session.guard import Guard, GuardGear
from mettle.domain.risk import BreakerRule, RiskEngine, RiskProfile
from tests.support.sessions import panel


def guard() -> Guard:
    """Return a guard with a breaker that the second failure of a call trips."""
    assets = panel(2, ("BTC/USDT",)).instruments
    books = Books("a", "a", assets, 10**12)
    profile = RiskProfile("p", api_failures=BreakerRule(2, window=60_000, recovery=60_000))
    return Guard(
        GuardGear("a", assets, books, RiskEngine(profile), MemoryKillSwitch(), MemoryNotifier())
    )
