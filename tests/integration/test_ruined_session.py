"""An account that is ruined at an exchange: out of everything, and never in again."""

from __future__ import annotations

from decimal import Decimal

from mettle.adapters.notification.memory import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.system import PhiloxRandomness, SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    SimulatedExchange,
)
from mettle.domain.orders import Opening
from mettle.domain.risk import RiskProfile
from mettle.domain.simulation import SimulationSettings
from tests.support.dst.feed import Candles
from tests.support.dst.markets import START, candles
from tests.support.dst.players import WARM_UP, SessionGear, run_session

ACCOUNT, NAMES = "sim:exchange:ruined", ("BTC/USDT", "ETH/USDT")
MINUTE, CASH, BARS = 60_000, 100_000 * 10**8, 240
RUIN = 9_990
"""Where the account is ruined, of ten thousand: a day of fees is enough."""


def test_a_ruined_account_is_closed_and_opens_nothing_more() -> None:
    """Its bars go on being marked, each decision says why it holds, and no fee is paid any more."""
    clock, store = SimulatedClock(START + WARM_UP * MINUTE), MemoryStore()
    randomness = PhiloxRandomness(3)
    panel = candles(NAMES, WARM_UP + BARS, 3, "1m", 0.001)
    paths = {one.symbol: BarPath(panel, one.symbol, randomness) for one in panel.instruments}
    exchange = SimulatedExchange(panel.instruments, paths, clock, randomness, ExchangeRules())
    exchange.open_account(ACCOUNT, {"USDT": Decimal(100_000)})
    feed = Candles(panel, WARM_UP, exchange, ACCOUNT)
    settings = SimulationSettings(initial_cash=CASH, ruin_level=RUIN)
    end = START + (WARM_UP + BARS - 5) * MINUTE
    venue = ExchangeVenue(exchange, ACCOUNT, clock, randomness)
    gear = SessionGear(
        "trader", ACCOUNT, feed, venue, store, clock, MemoryKillSwitch(), MemoryNotifier(),
        RiskProfile("open", leverage=None), settings, lambda _: None, lambda: False, calm=0.0,
    )  # fmt: skip
    run_session(gear, lambda: clock.now_ms() >= end)
    with store.reading() as unit:
        marks, intents = list(unit.marks.all(ACCOUNT)), list(unit.intents.latest(ACCOUNT, 9_999))
        said = {
            one.verdict
            for decision in unit.decisions.latest(ACCOUNT, 9_999)
            for one in decision.assets
            if decision.decided_at >= marks[-60].marked_at
        }
        held = {
            key: one for key, one in unit.ledger.balances(ACCOUNT).items() if key[0] == "wallet"
        }
    ruined = next(one.marked_at for one in marks if one.equity * 10_000 <= CASH * RUIN)
    openings = [one.intent.decided_at for one in intents if isinstance(one.intent, Opening)]
    assert min(openings) < ruined < marks[-60].marked_at
    assert max(openings) < ruined
    assert [amount for (_, asset), amount in held.items() if asset != "USDT" and amount] == []
    assert said == {"hold: the account is ruined"}
    assert len({one.fees for one in marks[-60:]}) == 1
