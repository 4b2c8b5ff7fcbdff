"""The data gate, the reasons in words, the replayed feed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from mettle.adapters.market_data.replay import ReplayFeed
from mettle.adapters.system import SimulatedClock
from mettle.application.market import MarketPanel, asset_bars
from mettle.application.market.row import BarRow, panel_rows
from mettle.application.session.decider import NO_LOAN, Decider
from mettle.application.session.gate import DataGate
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.orders import Opening, Purpose, Reduction, Side
from mettle.domain.simulation import Account, ActionScheme, AssetTerms, SimulationSettings
from tests.support.sessions import HOUR, panel

STEP = HOUR.milliseconds


def rows(market: MarketPanel) -> list[BarRow]:
    """Return all rows of a panel."""
    return list(panel_rows(market, 0, len(market), 120))


def test_rows_hold_what_the_engines_read() -> None:
    """A row's bars are those of the panel, waits and funding included."""
    market = panel(40, ("BTC/USDT:USDT", "ETH/USDT"), gaps=0.0)
    for index, row in enumerate(rows(market)):
        assert row.bars == asset_bars(market, index, 120)
        assert row.closes == market.close[index].tolist()
        assert np.array_equal(row.volume, market.volume[index])


def test_the_gate_wants_every_bar_once_and_closed() -> None:
    """An open bar, a repeated one, an older one and a hole are refused, each in its words."""
    first, second, third = rows(panel(3))
    gate = DataGate(HOUR, 3000)
    with pytest.raises(DataError, match="closes at"):
        gate.admit(first, first.close_time - 1)
    gate.admit(first, first.close_time)
    with pytest.raises(DataError, match="came again"):
        gate.admit(first, third.close_time)
    with pytest.raises(DataError, match="bars are lost"):
        gate.admit(third, third.close_time)
    gate.admit(second, second.close_time)
    with pytest.raises(DataError, match="came again"):
        gate.admit(first, third.close_time)


def test_the_gate_knows_a_stale_bar() -> None:
    """A bar may be acted on for one interval and the grace after its close, no longer."""
    row = rows(panel(1))[0]
    gate = DataGate(HOUR, 3000)
    assert not gate.stale(row, row.close_time + STEP + 3000)
    assert gate.stale(row, row.close_time + STEP + 3001)


def test_a_resumed_gate_goes_on_where_it_was() -> None:
    """After a resume only the next bar is taken."""
    first, second, third = rows(panel(3))
    gate = DataGate(HOUR, 0)
    gate.resume(first.open_time)
    with pytest.raises(DataError, match="bars are lost"):
        gate.admit(third, third.close_time)
    gate.admit(second, second.close_time)


def test_the_feed_delivers_each_bar_when_it_has_closed() -> None:
    """The world moves first, then the clock stands at close and grace, then we hear of it."""
    market = panel(6)
    clock = SimulatedClock(int(market.open_time[0]))
    moved: list[BarRow] = []
    feed = ReplayFeed(market, clock, start=2, grace_ms=500, on_close=moved.append)
    assert [row.open_time for row in feed.history()] == market.open_time[:2].tolist()
    heard: list[int] = []
    while (due := feed.next_due()) is not None:
        clock.sleep_until(due - 1)
        assert feed.take() is None
        clock.sleep_until(due)
        row = feed.take()
        assert row is not None
        assert moved[-1] is row
        assert clock.now_ms() == row.close_time + 500
        heard.append(row.open_time)
    assert heard == market.open_time[2:].tolist()
    feed.seek(int(market.open_time[3]))
    again = feed.take()
    assert again is not None
    assert again.open_time == market.open_time[4]


@pytest.mark.parametrize("bar", [-3, 1, 6])
def test_the_feed_resumes_only_among_its_bars(bar: int) -> None:
    """Going on after a bar that was never traded is refused."""
    market = panel(6)
    feed = ReplayFeed(market, SimulatedClock(0), start=2)
    with pytest.raises(DataError, match="not among those"):
        feed.seek(int(market.open_time[0]) + bar * STEP)
    with pytest.raises(DataError, match="cannot start"):
        ReplayFeed(market, SimulatedClock(0), start=6)


def reason(
    action: float,
    settings: SimulationSettings,
    *,
    lots: int = 0,
    missing: bool = False,
    blocked: str = "",
    min_notional: int = 5 * 10**8,
) -> tuple[str, list[object]]:
    """Decide on one asset at 100.00 with 10,000 of cash; return the verdict and the intents."""
    market = panel(2, ("BTC/USDT",))
    terms = AssetTerms(100, min_notional=min_notional)
    account = Account.opened([terms], settings.initial_cash)
    if lots:
        account.trade(0, 1 if lots > 0 else -1, abs(lots), 10_000, 0)
    row = rows(market)[0]
    bar = row.bars[0]._replace(close=10_000, missing=missing)
    row = row._replace(bars=(bar,), close=np.array([10_000]))
    decider = Decider("account", "run-1", market.instruments, settings)
    actions = None if blocked else np.array([action], dtype=np.float32).tolist()
    decided = decider.decide(row, actions, account, 7, blocked)
    assert decided.record.decided_at == row.close_time
    return decided.record.assets[0].verdict, list(decided.intents)


PLAIN = SimulationSettings()
MARGIN = SimulationSettings(leverage=3, allow_short=True, gross_limit=30_000, max_weight=30_000)


@pytest.mark.parametrize(
    ("action", "settings", "more", "said"),
    [
        (0.5, PLAIN, {}, "buy 50 BTC"),
        (0.0, PLAIN, {"lots": 1000}, "sell 0.1 BTC"),
        (math.nan, PLAIN, {}, "hold: action was NaN"),
        (1.5, PLAIN, {}, "hold: action 1.5 lies outside −1 … 1"),
        (0.5, PLAIN, {"missing": True}, "hold: missing bar"),
        (0.5, PLAIN, {"blocked": "the bar is old"}, "hold: the bar is old"),
        (0.0, PLAIN, {}, "on target"),
        (0.0001, PLAIN, {}, "below minimum notional 5 USDT"),
        (
            0.001,
            replace(PLAIN, rebalance_band=100),
            {"min_notional": 0},
            "rebalance band: change under 1 % of equity",
        ),
        (
            0.1,
            replace(PLAIN, scheme=ActionScheme.THRESHOLD),
            {},
            "hold: action 0.1000 within ±0.3",
        ),
        (0.0, replace(PLAIN, scheme=ActionScheme.INCREMENT), {}, "hold: action was 0"),
        (
            1.0,
            replace(MARGIN, soft_margin=3000, hard_margin=9000),
            {"lots": 9_900_00},
            "margin: over the soft limit, nothing is opened",
        ),
        (
            1.0,
            replace(MARGIN, soft_margin=2000, hard_margin=3000),
            {"lots": 9_900_00},
            "margin: over the hard limit, sell 39 BTC",
        ),
    ],
)
def test_every_outcome_is_said_in_words(
    action: float, settings: SimulationSettings, more: dict[str, object], said: str
) -> None:
    """Each way to trade or not has its own reason."""
    verdict, intents = reason(action, settings, **more)  # type: ignore[arg-type]  # by name
    assert verdict == said
    assert bool(intents) == ("buy" in said or "sell" in said)


def test_margin_cuts_are_reductions() -> None:
    """What the hard limit forces is a reduction by type; what the agent wants is an opening."""
    settings = replace(MARGIN, soft_margin=2000, hard_margin=3000)
    _, (cut,) = reason(1.0, settings, lots=990_000)
    assert isinstance(cut, Reduction)
    assert (cut.purpose, cut.side) == (Purpose.MARGIN, Side.SELL)
    _, (wanted,) = reason(0.5, PLAIN)
    assert isinstance(wanted, Opening)


def test_spot_is_not_sold_short_where_nobody_lends_it() -> None:
    """Beside a perpetual that may be short: nothing, or the whole position, and the reason."""
    market = panel(2, ("BTC/USDT", "ETH/USDT:USDT"))
    row = rows(market)[0]
    for lots, said, kinds in (
        (0, NO_LOAN, [Opening]),
        (500, "sell 0.05 BTC", [Reduction, Opening]),
    ):
        account = Account.opened([AssetTerms.of(one) for one in market.instruments], 10**12)
        if lots:
            account.trade(0, 1, lots, row.closes[0], 0)
        decider = Decider("a", "r", market.instruments, MARGIN, lends_coins=False)
        decided = decider.decide(row, [-0.5, -0.5], account, 7)
        assert said in decided.record.assets[0].verdict
        assert [type(one) for one in decided.intents] == kinds
        lender = Decider("a", "r", market.instruments, MARGIN).decide(row, [-0.5, -0.5], account, 7)
        assert len(lender.intents) == 2


def test_an_agent_must_give_one_action_an_asset() -> None:
    """Too many or too few actions are a mistake of the agent, not a hold."""
    market = panel(2)
    settings = SimulationSettings()
    account = Account.opened([AssetTerms.of(one) for one in market.instruments], 10**12)
    decider = Decider("account", "run-1", market.instruments, settings)
    with pytest.raises(InvalidValue, match="2 actions, gave 3"):
        decider.decide(rows(market)[0], [0.0] * 3, account, 7)
