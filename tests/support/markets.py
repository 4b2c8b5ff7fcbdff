"""Random markets, settings and actions, drawn from one seed so that a failure can be replayed."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mettle.domain.simulation import (
    Account,
    ActionScheme,
    AssetBar,
    AssetTerms,
    Execution,
    Plan,
    RewardKind,
    RewardState,
    SimulationSettings,
    StepResult,
    StopKind,
    interpolate_wait,
    plan_changes,
    play,
)

BAR_S = 3600
NAN = math.nan


def random_settings(rng: random.Random, **fixed: object) -> SimulationSettings:
    """Return settings that reach every branch of the step sooner or later."""
    leverage = rng.choice([1, 1, 1, 2, 5, 20])
    drawn: dict[str, object] = {
        "initial_cash": rng.choice([10**8, 10**10, 3 * 10**11 + 7]),
        "scheme": rng.choice(list(ActionScheme)),
        "allow_short": leverage > 1 and rng.random() < 0.6,
        "max_weight": rng.choice([2_500, 10_000, 30_000]),
        "gross_limit": rng.choice([5_000, 10_000 * leverage]) if leverage < 11 else 100_000,
        "threshold": rng.choice([0, 3_000]),
        "increment": rng.choice([2_500, 9_999]),
        "rebalance_band": rng.choice([0, 0, 500]),
        "participation": rng.choice([0, 0, 100_000, 1_000_000]),
        "execution": rng.choice(list(Execution)),
        "slippage": rng.choice([0, 500, 20_000]),
        "maker_offset": rng.choice([0, 300, 3_000]),
        "maker_wait": rng.choice([1, 120, 3_600]),
        "stop_loss": rng.choice([0, 5_000, 30_000]),
        "trailing_stop": rng.choice([0, 4_000, 30_000]),
        "stop_kind": rng.choice(list(StopKind)),
        "stop_limit_offset": rng.choice([0, 1_000, 20_000]),
        "leverage": leverage,
        "maintenance_margin": rng.choice([0, 5_000, 20_000]),
        "soft_margin": 6_000,
        "hard_margin": 7_000,
        "ruin_level": rng.choice([0, 1_000, 9_000]),
        "reward": rng.choice(list(RewardKind)),
        "reward_halflife": rng.choice([1, 20, 256]),
        "turnover_penalty": rng.choice([0, 700]),
        "drawdown_penalty": rng.choice([0, 9_000]),
    }
    drawn.update(fixed)
    return SimulationSettings(**drawn)  # type: ignore[arg-type]  # drawn by name


def random_terms(rng: random.Random, settings: SimulationSettings) -> AssetTerms:
    """Return one asset's terms."""
    maker, taker = rng.choice([(0, 0), (100, 400), (6_000, 12_000)])
    return AssetTerms(
        unit_value=rng.choice([1, 100, 12_345]),
        maker_ppm=maker,
        taker_ppm=taker,
        min_notional=rng.choice([0, settings.initial_cash // 50]),
        is_perpetual=rng.random() < (0.7 if settings.on_margin else 0.2),
    )


def random_bar(rng: random.Random, last: int, *, perpetual: bool, wait_s: int) -> AssetBar:
    """Return a bar after a close at ``last`` ticks: mostly calm, now and then a gap or a crash."""
    size = rng.choice([0.002, 0.01, 0.05, 0.3])
    open_ = max(1, round(last * (1 + rng.gauss(0, size / 4))))
    close = max(1, round(open_ * (1 + rng.gauss(0, size))))
    high = round(max(open_, close) * (1 + abs(rng.gauss(0, size / 3))))
    low = max(1, round(min(open_, close) * (1 - min(0.9, abs(rng.gauss(0, size / 3))))))
    if rng.random() < 0.05:
        return AssetBar(last, last, last, last, missing=True, **_wait(last, last, last, last, 1))
    return AssetBar(
        open_,
        high,
        low,
        close,
        volume=rng.choice([0, 10, 10_000, 10**9]),
        funding_open=rng.choice([0, rng.randint(-200_000, 200_000)]) if perpetual else 0,
        funding_inside=rng.choice([0, rng.randint(-200_000, 200_000)]) if perpetual else 0,
        **_wait(open_, high, low, close, wait_s),
    )


def _wait(open_: int, high: int, low: int, close: int, wait_s: int) -> dict[str, Any]:
    wait = interpolate_wait(open_, high, low, close, wait_s, BAR_S)
    return {
        "wait_low": wait.low,
        "wait_high": wait.high,
        "wait_price_buy": wait.price_buy,
        "wait_price_sell": wait.price_sell,
    }


def random_action(rng: random.Random) -> float:
    """Return an action: often an extreme, sometimes none at all."""
    if rng.random() < 0.1:
        return rng.choice([NAN, math.inf, -1.5])
    return rng.choice([rng.uniform(-1, 1), 0.0, 1.0, -1.0, rng.uniform(0, 1)])


@dataclass(frozen=True)
class Played:
    """One step with the account before and after it."""

    settings: SimulationSettings
    actions: list[float]
    now: list[AssetBar]
    following: list[AssetBar]
    before: Account
    plan: Plan
    result: StepResult
    after: Account
    peak: int


def play_market(seed: int, steps: int = 25, **fixed: object) -> Iterator[Played]:
    """Play a random market with random actions to a ruin or for ``steps`` bars."""
    rng = random.Random(seed)  # noqa: S311 - a replayable test, not a secret
    settings = random_settings(rng, **fixed)
    terms = [random_terms(rng, settings) for _ in range(rng.randint(1, 4))]
    account = Account.opened(terms, settings.initial_cash)
    memory = RewardState(settings.initial_cash)
    price = rng.choice([30, 1_000, 500_000])

    def bars(last: list[int]) -> list[AssetBar]:
        return [
            random_bar(rng, close, perpetual=one.is_perpetual, wait_s=settings.maker_wait)
            for one, close in zip(terms, last, strict=True)
        ]

    now = bars([price] * len(terms))
    for _ in range(steps):
        following = bars([bar.close for bar in now])
        actions = [random_action(rng) for _ in terms]
        before, peak = copy.deepcopy(account), memory.peak
        plan = plan_changes(actions, account, now, settings)
        result = play(account, memory, plan, (now, following), settings)
        yield Played(
            settings,
            actions,
            now,
            following,
            before,
            plan,
            result,
            copy.deepcopy(account),
            peak,
        )
        if result.ruined:
            return
        now = following
