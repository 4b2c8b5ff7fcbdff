"""Named risk profiles: the table of the specification, and the default that is strictest of all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mettle.domain.errors import ConfigError
from mettle.domain.risk import (
    KINDS,
    BreakerRule,
    ConfidenceSource,
    MarginAction,
    RiskProfile,
)
from mettle.entrypoints.places import Places
from mettle.entrypoints.settings import resolve
from mettle.entrypoints.settings.risk import RiskSection
from mettle.entrypoints.settings.risk_profiles import NAMES, risk_profile_values

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def named(name: str) -> RiskProfile:
    """Return a shipped profile."""
    return RiskSection.model_validate({"profile": name}).to_domain()


STRICT = named("strict")
OTHERS = [named(name) for name in NAMES[1:]]


@pytest.mark.parametrize("name", ["position", "asset", "exposure", "risk_per_trade", "leverage"])
def test_strict_has_the_least_of_every_size(name: str) -> None:
    """No profile allows less than strict, and what any of them limits, strict limits."""
    limits = [getattr(one, name) for one in OTHERS if getattr(one, name) is not None]
    assert getattr(STRICT, name) == min(limits)


@pytest.mark.parametrize("name", ["stop_loss", "trailing_stop", "margin_soft"])
def test_strict_has_the_nearest_of_every_distance(name: str) -> None:
    """The same holds for stops and the soft margin."""
    limits = [getattr(one, name) for one in OTHERS if getattr(one, name) is not None]
    assert getattr(STRICT, name) == min(limits)


@pytest.mark.parametrize("name", KINDS)
def test_strict_has_the_strictest_and_slowest_of_every_breaker(name: str) -> None:
    """Least limit, longest window, no shorter recovery, an operator wherever anybody asks one."""
    rule = STRICT.rule(name)
    assert rule is not None, "strict fills every cell"
    others = [found for one in OTHERS if (found := one.rule(name)) is not None]
    limits = [one.limit for one in others]
    if name == "drawdown":
        limits += [one.drawdown_review for one in OTHERS if one.drawdown_review is not None]
    assert rule.limit == min(limits, default=rule.limit)
    assert rule.window == max((one.window for one in others), default=rule.window)
    assert rule.critical is any(one.critical for one in others)
    if KINDS[name].period:
        assert rule.next_period, "execution.md: strict recovers these with the next period"
    else:
        assert rule.recovery >= max((one.recovery for one in others), default=0)
    assert not STRICT.trips_above


def test_confidence_is_the_one_cell_that_strict_leaves_open() -> None:
    """The floors of the others lie on different scales, and the table leaves strict's empty."""
    assert STRICT.confidence_source is ConfidenceSource.NONE
    assert STRICT.confidence_floor is None


def test_the_cells_of_the_table() -> None:
    """Every cell of execution.md's table."""
    of = dict(zip(NAMES, [STRICT, *OTHERS], strict=True))
    cells = {
        "position": [100_000, None, 100_000, 150_000, 1_000_000, 300_000],
        "position_low": [None, None, None, None, None, 100_000],
        "risk_per_trade": [20_000, None, 20_000, None, None, None],
        "exposure": [800_000, None, None, 800_000, None, None],
        "asset": [250_000, None, None, 250_000, None, None],
        "leverage": [10**6, 10**6, 10**6, 10**6, 10**6, 2 * 10**6],
        "stop_loss": [30_000, None, None, 30_000, None, None],
        "trailing_stop": [30_000, None, None, 30_000, None, None],
        "atr_stop_low": [None, None, None, None, None, 1_500_000],
        "atr_stop_high": [None, None, None, None, None, 3_000_000],
        "atr_trail_low": [None, None, None, None, None, 500_000],
        "atr_trail_high": [None, None, None, None, None, 1_500_000],
        "drawdown_review": [None, None, None, 150_000, None, None],
        "margin_soft": [800_000, None, None, None, None, 800_000],
        "confidence_floor": [None, 600_000, None, None, 300_000, None],
        "trips_above": [False, False, False, True, False, False],
    }
    for key, row in cells.items():
        assert [getattr(one, key) for one in of.values()] == row, key
    limits = {
        "daily_loss": [20_000, 20_000, 50_000, 50_000, 100_000, None],
        "rolling_loss": [100_000, None, None, 100_000, None, None],
        "weekly_loss": [100_000, None, None, 100_000, None, None],
        "drawdown": [150_000, None, 200_000, 200_000, 200_000, None],
        "consecutive_losses": [3, 3, 5, 5, 3, None],
        "api_failures": [3, None, None, 3, 5, 5],
        "api_latency": [5_000, None, None, None, 5_000, None],
        "price_jump": [200_000, None, None, 200_000, None, None],
        "margin": [900_000, None, None, None, None, 900_000],
    }
    for name, expected in limits.items():
        rules = [one.rule(name) for one in of.values()]
        assert [None if rule is None else rule.limit for rule in rules] == expected, name
    assert of["daily"].daily_loss == BreakerRule(100_000, recovery=DAY)
    assert of["daily"].drawdown == BreakerRule(200_000, recovery=HOUR, critical=True)
    assert of["daily"].consecutive_losses == BreakerRule(3, recovery=30 * MINUTE)
    assert of["daily"].api_failures == BreakerRule(5, window=HOUR, recovery=30 * MINUTE)
    assert of["daily"].api_latency == BreakerRule(5_000, recovery=10 * MINUTE)
    assert of["perpetual"].api_failures == BreakerRule(5, window=300_000, recovery=600_000)
    assert of["perpetual"].margin_action is MarginAction.REDUCE
    assert STRICT.consecutive_losses == BreakerRule(3, recovery=DAY)
    assert STRICT.api_failures == BreakerRule(3, window=HOUR, recovery=30 * MINUTE)


@pytest.mark.parametrize("profile", [STRICT, *OTHERS], ids=NAMES)
def test_what_always_takes_an_operator(profile: RiskProfile) -> None:
    """Drawdown, weekly loss and margin are critical in every profile."""
    for name in ("drawdown", "weekly_loss", "margin"):
        rule = profile.rule(name)
        assert rule is None or rule.critical


def test_a_profile_without_a_limit_is_possible() -> None:
    """Every limit is optional."""
    free = RiskProfile("free", leverage=None)
    assert list(free.rules()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"position": 0}, "risk.position must lie above 0"),
        ({"trades_per_day": 0}, "risk.trades_per_day must lie in 1"),
        ({"leverage": 999_999}, "risk.leverage must lie in 1 … 125, was 0.999999"),
        ({"api_latency": BreakerRule(5_000, window=1_000)}, "has no sliding window, was 1s"),
        ({"margin": BreakerRule(1_000_001)}, r"risk.margin.hard must lie above 0.*was 100.0001 %"),
        ({"bad_actions": BreakerRule(3)}, "risk.bad_actions.window must lie above 0.*was 0s"),
        (
            {"weekly_loss": BreakerRule(100_000)},
            "risk.weekly_loss.critical must be true, was false",
        ),
        ({"position": 300_000}, "risk.position must not exceed risk.asset, were 30 % and 25 %"),
        ({"margin_soft": 900_000}, "risk.margin.soft must lie under risk.margin.hard"),
        ({"leverage": 40 * 10**6}, "risk.stop_loss must lie nearer than the liquidation.* 40 "),
        ({"stop_loss": 250_000}, "risk.stop_loss 25 % of risk.position 10 % must not lose more"),
        ({"confidence_floor": 1}, "risk.confidence_floor 0.0001 % needs risk.confidence_source"),
        ({"confidence_source": ConfidenceSource.ACTION}, "action needs risk.confidence_floor"),
        ({"margin_soft": None}, "risk.margin.hard needs risk.margin.soft"),
        ({"daily_loss": BreakerRule(1, recovery=-1)}, "recovery must lie in 0s … 366d, was -1ms"),
        ({"drawdown": BreakerRule(1, next_period=True)}, "recovery must be a duration"),
    ],
)
def test_a_profile_that_breaks_a_rule_is_refused(change: dict[str, object], said: str) -> None:
    """Key, value and rule are named; the settings add where it was written."""
    with pytest.raises(ConfigError, match=said):
        replace(STRICT, **change)  # type: ignore[arg-type]  # wrong on purpose


def test_overrides_lie_over_the_profile_and_say_where_they_come_from(tmp_path: Path) -> None:
    """Flag over environment over file over named profile over risk profile."""
    file = tmp_path / "mettle.toml"
    file.write_text(
        'profile = "mine"\n[risk]\nprofile = "timeline"\nstop_loss = "none"\n'
        '[risk.daily_loss]\nlimit = "4 %"\n[profiles.mine.risk]\nexposure = 0.5\n',
        encoding="utf-8",
    )
    found = resolve(
        Places(tmp_path, file, "test"),
        flags={"risk.position": "5 %"},
        environment={
            "METTLE__RISK__DRAWDOWN__LIMIT": "0.12",
            "METTLE__RISK__DRAWDOWN_REVIEW": "0.1",
        },
    )
    rows = {key: (value, where) for key, value, where in found.rows()}
    assert rows["risk.position"] == ("0.05", "flag")
    assert rows["risk.drawdown.limit"] == ("0.12", "environment METTLE__RISK__DRAWDOWN__LIMIT")
    assert rows["risk.daily_loss.limit"] == ("0.04", "mettle.toml:6")
    assert rows["risk.daily_loss.recovery"] == ("next period", "risk profile timeline")
    assert rows["risk.stop_loss"] == ("none", "mettle.toml:4")
    assert rows["risk.exposure"] == ("0.5", "profile mine")
    assert rows["risk.asset"] == ("0.25", "risk profile timeline")
    assert rows["risk.atr_stop_low"] == ("none", "default")
    profile = found.settings.risk.to_domain()
    assert profile.name == "timeline"
    assert profile.stop_loss is None
    assert profile.daily_loss == BreakerRule(40_000, next_period=True)


def test_what_is_shown_can_be_set_again(tmp_path: Path) -> None:
    """Every value that `config show` prints is one that the file takes."""
    file = tmp_path / "mettle.toml"
    for name in NAMES:
        extra = 'market.symbols = ["BTC/USDT:USDT"]\n'
        file.write_text(f'{extra}[risk]\nprofile = "{name}"\n', encoding="utf-8")
        first = resolve(Places(tmp_path, file, "test"), environment={})
        flags = {key: value for key, value, _ in first.rows() if key.startswith("risk.")}
        again = resolve(Places(tmp_path, file, "test"), flags=flags, environment={})
        assert again.settings.risk.to_domain() == first.settings.risk.to_domain() == named(name)


def test_an_unknown_profile_names_the_nearest() -> None:
    """A slip of the pen is answered with the right word."""
    with pytest.raises(ConfigError, match="'perpetual'"):
        risk_profile_values("perpetul")
