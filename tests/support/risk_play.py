"""Random lives of breakers and random intents, drawn from one seed so that a failure replays."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, OrderIntent, Purpose, Reduction, Side
from mettle.domain.risk import (
    Approved,
    AssetExposure,
    BreakerEvent,
    BreakerRule,
    Breakers,
    BreakerState,
    Exposure,
    Mode,
    RiskEngine,
    RiskProfile,
    Verdict,
)

HOUR, DAY = 3_600_000, 86_400_000
START = 19_000 * DAY + 5 * HOUR
BTC, ETH = Symbol.parse("BTC/USDT"), Symbol.parse("ETH/USDT")
PERPETUAL = Symbol.parse("BTC/USDT:USDT")
EQUITY = 10**12

BREAKING = RiskProfile(
    "breaking",
    trades_per_day=4,
    drawdown_review=60_000,
    daily_loss=BreakerRule(20_000, next_period=True),
    rolling_loss=BreakerRule(40_000, window=DAY, recovery=12 * HOUR),
    weekly_loss=BreakerRule(50_000, next_period=True, critical=True),
    drawdown=BreakerRule(100_000, recovery=HOUR, critical=True),
    consecutive_losses=BreakerRule(3, recovery=6 * HOUR),
    api_failures=BreakerRule(3, window=HOUR, recovery=HOUR // 2),
    api_latency=BreakerRule(5_000, recovery=HOUR // 2),
    price_jump=BreakerRule(200_000, window=HOUR, recovery=HOUR // 2),
    bad_actions=BreakerRule(2, window=HOUR, recovery=HOUR // 2),
    margin=BreakerRule(900_000, critical=True),
    margin_soft=800_000,
)


MOODS: list[tuple[tuple[str, ...], list[int], list[int]]] = [
    (tuple(name for name, _ in BREAKING.rules()), [0, 60_000, HOUR, 6 * HOUR, DAY], []),
    (("daily_loss", "consecutive_losses"), [1_000, HOUR // 4, HOUR, 6 * HOUR], [99, 100, 101]),
    (("rolling_loss", "drawdown"), [HOUR // 4, HOUR, 3 * HOUR], [98, 99, 100, 100, 101, 102]),
    (("weekly_loss",), [HOUR, 6 * HOUR, DAY], [98, 99, 100, 101]),
    (("api_failures", "price_jump", "bad_actions"), [0, 60_000, HOUR // 4], [100]),
    (("api_latency", "margin"), [60_000, HOUR // 4], [100]),
    ((), [60_000, HOUR, 3 * HOUR], [100]),
]
"""Which breakers a life has, how time passes in it, and how equity moves, percent."""

OFTEN = {
    "consecutive_losses": ["closed_trade", "opening", "reconcile"],
    "rolling_loss": ["mark", "opening", "reconcile"],
    "weekly_loss": ["mark", "mark", "opening"],
    "price_jump": ["api_failure", "bad_action", "price", "price"],
    "api_latency": ["api_latency", "margin"],
}
"""What happens more often in a life with a breaker."""


def mood(seed: int) -> tuple[RiskProfile, list[int], list[int], list[str]]:
    """Return profile, time steps, moves and frequent events of a life."""
    names, steps, moves = MOODS[seed % len(MOODS)]
    gone = {name: None for name, _ in BREAKING.rules() if name not in names}
    often = [what for name in names for what in OFTEN.get(name, [])]
    keep = "drawdown" in names
    review = BREAKING.drawdown_review if keep else None
    profile = replace(BREAKING, **gone, drawdown_review=review)  # type: ignore[arg-type]
    return profile, steps, moves or [90, 95, 98, 99, 99, 100, 101, 102, 105, 120], often


EVENTS = [
    *["mark"] * 4,
    *["closed_trade", "opening", "reconcile"] * 2,
    *["flow", "api_failure", "bad_action", "api_latency", "price", "margin", "reset"],
    "unfilled_opening",
]


@dataclass(frozen=True)
class Told:
    """One thing that breakers were told.

    Attributes:
        after_restart: What the same event makes of breakers read back from what they wrote.
    """

    profile: RiskProfile
    what: str
    values: tuple[Any, ...]
    now: int
    before: Mapping[str, BreakerState]
    after: Mapping[str, BreakerState]
    events: list[BreakerEvent]
    after_restart: Mapping[str, BreakerState]
    verdict: Verdict | None = None


def flat(equity: int = EQUITY) -> Exposure:
    """Return an account that holds nothing."""
    asset = AssetExposure(BTC, 0, 0, 0, 100, 10**6)
    return Exposure("a", equity, equity, {BTC: asset})


def tell(breakers: Breakers, what: str, values: tuple[Any, ...], now: int) -> list[BreakerEvent]:
    """Tell breakers one thing."""
    if what == "reconcile":
        return breakers.on_reconciliation(now, clean=values[0])
    if what == "reset":
        return breakers.reset(values[0], "tester", now)
    found: list[BreakerEvent] = getattr(breakers, f"on_{what}")(*values, now)
    return found


def read_back(profile: RiskProfile, states: Mapping[str, BreakerState]) -> Breakers:
    """Return breakers as a new process would read them."""
    return Breakers(profile, [BreakerState.from_json(one.to_json()) for one in states.values()])


def _drawn(rng: random.Random, what: str, equity: int, names: list[str]) -> tuple[Any, ...]:
    """Return what an event tells."""
    choices: dict[str, list[Any]] = {
        "closed_trade": [-500, -1, -1, 0, 1, 700],
        "flow": [equity // 4, -equity // 4],
        "api_latency": [10, 4_999, 5_000, 20_000],
        "margin": [0, 850_000, 899_999, 900_000],
        "reconcile": [True, True, False],
        "reset": names,
    }
    if what == "price":
        return BTC, rng.choice([100, 100, 110, 119, 120, 125])
    return (rng.choice(choices[what]),) if what in choices else ()


def live(seed: int, steps: int = 160) -> list[Told]:
    """Play one life: marks, trades, failures, openings, reconciliations, a clock that jumps."""
    rng = random.Random(seed)  # noqa: S311  a reproducible draw, no secret
    profile, pauses, moves, often = mood(seed)
    breakers, engine = Breakers(profile), RiskEngine(profile)
    now, equity, sent = START + rng.randrange(DAY), EQUITY, list[Opening]()
    told = []
    for step in range(steps):
        now += rng.choice(pauses)
        if rng.random() < 0.03:
            now -= rng.choice([1_000, HOUR, DAY])
        what = rng.choice([*EVENTS, *often])
        before, verdict = breakers.states, None
        values = _drawn(rng, what, equity, list(before))
        if what == "mark":
            equity = equity * rng.choice(moves) // 100
            equity = equity if equity > 10**9 else EQUITY
            values = (equity,)
        elif what == "flow":
            equity += values[0]
        elif what == "unfilled_opening":
            if not sent:
                continue
            values = (sent[-1],)
        elif what == "opening":
            wanted = Opening("a", BTC, Side.BUY, rng.randrange(1, 200), step)
            verdict = engine.judge(wanted, flat(equity), breakers, Mode.ACTIVE, now)
            if not isinstance(verdict, Approved) or not isinstance(verdict.intent, Opening):
                refused = Told(
                    profile, "refused", (wanted,), now, before, before, [], before, verdict
                )
                told.append(refused)
                continue
            sent.append(verdict.intent)
            values = (verdict.intent,)
        twin = read_back(profile, before)
        events = tell(breakers, what, values, now)
        tell(twin, what, values, now)
        after, read = breakers.states, twin.states
        told.append(Told(profile, what, values, now, before, after, events, read, verdict))
    return told


@dataclass(frozen=True)
class Judged:
    """One intent and its verdict."""

    profile: RiskProfile
    exposure: Exposure
    intent: OrderIntent
    mode: Mode
    stop_distance: int | None
    verdict: Verdict


def _profile(rng: random.Random) -> RiskProfile:
    position = rng.choice([None, 50_000, 100_000, 300_000])
    asset = rng.choice([None, 300_000, 400_000])
    exposure = rng.choice([None, 400_000, 800_000])
    return RiskProfile(
        "drawn",
        position=position,
        asset=asset,
        exposure=exposure,
        risk_per_trade=rng.choice([None, 1_000, 20_000]),
        stop_loss=rng.choice([None, 30_000]),
        leverage=rng.choice([None, 10**6, 2 * 10**6]),
        margin_soft=rng.choice([None, 800_000]),
    )


def _asset(rng: random.Random, symbol: Symbol) -> AssetExposure:
    return AssetExposure(
        symbol,
        rng.choice([0, 0, rng.randrange(-60, 60), rng.randrange(-600, 600)]),
        rng.choice([0, 0, rng.randrange(100)]),
        rng.choice([0, 0, rng.randrange(100)]),
        rng.choice([1, 7, 97, 100, 1_003]),
        rng.choice([10**6, 10**7]),
        min_notional=rng.choice([0, 10**9]),
        foreign=rng.choice([0, 0, 0, rng.randrange(50)]),
    )


def draw(seed: int, count: int = 60) -> Iterator[Judged]:
    """Yield intents on random accounts with nothing tripped."""
    rng = random.Random(seed)  # noqa: S311  a reproducible draw, no secret
    for number in range(count):
        profile = _profile(rng)
        equity = rng.choice([10**10, 10**11, EQUITY])
        assets = {symbol: _asset(rng, symbol) for symbol in (BTC, ETH, PERPETUAL)}
        maintenance = rng.choice([0, 0, equity // 2, equity * 4 // 5, equity])
        exposure = Exposure("a", equity, equity, assets, maintenance)
        asset = assets[rng.choice([BTC, ETH, PERPETUAL])]
        side = rng.choice(list(Side))
        lots = rng.choice([rng.randrange(1, 80), rng.randrange(1, 3_000)])
        against = max(0, -side.sign * asset.lots)
        intent: OrderIntent
        if rng.random() < 0.4:
            purpose = rng.choice(list(Purpose))
            intent = Reduction("a", asset.symbol, side, lots, number, purpose)
        else:
            intent = Opening("a", asset.symbol, side, lots + against, number, against)
        mode = rng.choice([Mode.ACTIVE, Mode.ACTIVE, Mode.ACTIVE, *Mode])
        distance = rng.choice([None, 1, 5])
        verdict = RiskEngine(profile).judge(
            intent, exposure, Breakers(profile), mode, 5, stop_distance=distance
        )
        yield Judged(profile, exposure, intent, mode, distance, verdict)


def on_margin(seed: int) -> Exposure:
    """Return a random account on margin over its hard limit."""
    rng = random.Random(seed)  # noqa: S311  a reproducible draw, no secret
    assets = {
        symbol: replace(
            _asset(rng, symbol), lots=rng.randrange(-500, 500), mark=rng.choice([3, 97])
        )
        for symbol in (PERPETUAL, Symbol.parse("ETH/USDT:USDT"), Symbol.parse("XRP/USDT:USDT"))
    }
    maintenance = rng.randrange(1, 10**9)
    equity = rng.choice([maintenance, maintenance * 10 // 9, maintenance // 2, -5])
    return Exposure("a", equity, 0, assets, maintenance)
