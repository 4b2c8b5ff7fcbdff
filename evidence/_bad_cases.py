"""The cases of :mod:`evidence.bad_config`, drawn from the schema of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import annotated_types as at
from mettle.domain.risk.profile import GREATEST, NEEDS, RISING, STRICTLY_RISING
from mettle.domain.risk.rules import KINDS, SHARE, limit_key, percent
from mettle.entrypoints.settings import Settings
from mettle.entrypoints.settings.layers import PROFILES
from mettle.entrypoints.settings.risk_profiles import NAMES
from pydantic import BaseModel
from pydantic.fields import FieldInfo

PERPETUAL = {"market.symbols": "BTC/USDT:USDT"}


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad configuration.

    Attributes:
        key: The key that the refusal must name.
        value: What was written under it.
        rule: Which kind of rule it breaks.
        flags: All that was written.
    """

    key: str
    value: object
    rule: str
    flags: Mapping[str, object]

    def shown(self) -> set[str]:
        """Return the ways in which a message may show the value."""
        texts = {str(self.value), str(self.value).lower()}
        if self.value == "" or self.rule == "unknown key":
            texts.add("")
        if isinstance(self.value, (list, tuple)):
            texts |= {str(tuple(self.value)), str(list(self.value)), *map(str, self.value)}
        try:
            number = Decimal(str(self.value))
        except ArithmeticError:
            return texts
        if number.is_finite():
            texts.add(percent(int(number * SHARE)))
        return texts


def one(key: str, value: object, rule: str, **more: object) -> Bad:
    """Return a case of one key."""
    return Bad(key, value, rule, {key: value, **more})


def leaves(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, FieldInfo, object]]:
    """Yield key, field and default of every setting."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        key = f"{prefix}{field.alias or name}"
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{key}.")
        elif key not in {"profiles", "profile"}:
            yield key, field, value


def sections(section: BaseModel, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every section."""
    for name in type(section).model_fields:
        if isinstance(value := getattr(section, name), BaseModel):
            yield f"{prefix}{name}"
            yield from sections(value, f"{prefix}{name}.")


def bounds(field: FieldInfo, step: object) -> Iterator[tuple[object, object]]:
    """Yield (good, bad) values at every bound of a number: on it, and just beyond it."""
    for rule in field.metadata:
        if isinstance(rule, at.Ge):
            yield rule.ge, rule.ge - step  # type: ignore[operator]  # numbers
        elif isinstance(rule, at.Le):
            yield rule.le, rule.le + step  # type: ignore[operator]  # numbers
        elif isinstance(rule, at.Gt):
            yield rule.gt + step, rule.gt  # type: ignore[operator]  # numbers
        elif isinstance(rule, at.Lt):
            yield rule.lt - step, rule.lt  # type: ignore[operator]  # numbers


def kind_of(field: FieldInfo, default: object) -> str:
    """Return how a key's values are written."""
    validators = [getattr(rule, "func", None) for rule in field.metadata]
    names = {getattr(one, "__name__", "") for one in validators}
    for function, kind in (
        ("_share", "share"),
        ("_count", "count"),
        ("_time", "time"),
        ("_recovery", "recovery"),
        ("read_ratio", "ratio"),
        ("read_number", "cash"),
        ("read_date", "date"),
    ):
        if function in names:
            return kind
    if get_origin(field.annotation) is Literal:
        return "word"
    if isinstance(default, bool):
        return "switch"
    return {int: "integer", float: "decimal", tuple: "list"}.get(type(default), "text")


NO_NUMBERS: tuple[object, ...] = ("five", "nan", "inf", "5 %%")
WRONG: dict[str, tuple[object, ...]] = {
    "share": (*NO_NUMBERS, True, "0.0000001", 0, -0.01),
    "count": (*NO_NUMBERS, 1.5, 0, -1),
    "time": ("5", 5, "five", "5 weeks", "0s"),
    "recovery": ("5", 5, "soon", "none", "400d"),
    "ratio": (*NO_NUMBERS, True, "0.00000001"),
    "cash": (*NO_NUMBERS, True, "0.000000001"),
    "date": ("May", "2024-13-01", "2024-02-30"),
    "word": ("sideways", ""),
    "switch": ("perhaps", 7),
    "integer": ("many", 1.5, "nan"),
    "decimal": ("many",),
    "text": (),
    "list": (),
}
STEPS = {"ratio": Decimal("0.0001"), "cash": Decimal("0.00000001"), "integer": 1, "decimal": 0.001}


def bad_cases() -> Iterator[Bad]:
    """Yield every bad configuration."""
    defaults = Settings()
    for name in sections(defaults):
        yield one(f"{name}.zzz", 1, "unknown key")
        yield one(name, 3, "no section")
    yield one("zzz", 1, "unknown key")
    for key, field, default in leaves(defaults):
        kind = kind_of(field, default)
        for value in WRONG[kind]:
            if (word := get_args(field.annotation)) and kind == "word" and value in word:
                continue
            yield one(key, value, f"no {kind}")
        for _, beyond in bounds(field, STEPS.get(kind, 1)):
            if kind in STEPS:
                yield one(key, str(beyond), "bound")
    yield from _single_rules()
    yield from _risk_bounds()
    yield from _pairs()


def _single_rules() -> Iterator[Bad]:
    """Yield the rules that the schema states as code."""
    for profile in ("brave", "strictt"):
        yield one("profile", profile, "no such profile")
        yield one("risk.profile", profile, "no such profile")
        yield one("paper.profile", profile, "no such profile")
    for names in (["luck"], [], ["sharpe", "sharpe"]):
        yield one("campaign.objectives", names, "no objective")
    for symbol in ("BTC", "BTC/", "/USDT", "BTC/USDT/EUR"):
        yield one("market.symbols", [symbol], "no symbol")
    yield one("market.symbols", [], "bound")
    for frame in ("2h", "1w", ""):
        yield one("market.timeframe", frame, "no timeframe")
    for cost in ("free", "binance+", ""):
        yield one("backtest.cost_profile", cost, "no cost profile")
    for feature in ("rsi(0)", "zzz(3)", "rsi(14"):
        yield one("training.features", [feature], "no feature")
    yield one("training.ppo.hidden", [], "bound")
    yield one("training.ppo.hidden", [1, 2, 3, 4, 5], "bound")
    yield one("training.ppo.hidden", ["wide"], "no integer")
    yield one("workspace.database", 7, "no text")
    for key in ("data", "models", "runs", "reports"):
        yield one(f"workspace.{key}", 7, "no text")
    for key in ("market.venue", "market.endpoint", "campaign.storage", "notify.file"):
        yield one(key, 7, "no text")
    yield one("campaign.ray_address", 7, "no text")
    for address in ("", "somewhere", "head:", ":6379", "head:many"):
        yield one("campaign.ray_address", address, "no address")
    for name, url in (("workspace.database", "postgresql://me:pw@host/db"),):
        yield Bad(name, "METTLE_SECRET__DATABASE_URL", "secret", {name: url})


def _risk_bounds() -> Iterator[Bad]:
    """Yield every limit of risk beyond the greatest value of its kind."""
    for name, greatest in GREATEST.items():
        key = "risk.margin.soft" if name == "margin_soft" else f"risk.{name}"
        yield one(key, str(Decimal(greatest + 1).scaleb(-6)), "bound")
    for name, kind in KINDS.items():
        key = f"risk.{limit_key(name)}"
        beyond = {"share": "1.000001", "count": 1001, "duration": "2d"}[kind.unit.value]
        yield one(key, beyond, "bound")
        if kind.windowed:
            yield one(f"risk.{name}.window", "367d", "bound")
            yield Bad(f"risk.{name}.window", "0s", "needs", {f"risk.{name}.window": "none"})
        if not kind.period:
            yield one(f"risk.{name}.recovery", "next period", "no period")
        if kind.always_critical:
            yield one(f"risk.{name}.critical", False, "critical")
    for value in ("0.5", "126", "none"):
        yield one("risk.leverage", value, "bound")
    yield one("risk.trades_per_day", 100_001, "bound")


def _write(key: str, share: int) -> tuple[str, object]:
    return f"risk.{key}", str(Decimal(share).scaleb(-6))


def _pairs() -> Iterator[Bad]:
    """Yield every pair of settings that do not agree."""
    empty: dict[str, object] = {"risk.profile": "integration", "risk.daily_loss.limit": "none"}
    for low, high in (*RISING, *STRICTLY_RISING):
        least, most = (3 * SHARE, 2 * SHARE) if high == "leverage" else (500_000, 200_000)
        support: dict[str, object] = {**empty, **PERPETUAL}
        if low.startswith("atr") or low in {"margin.soft", "position_low", "drawdown_review"}:
            support = dict(empty)
        values = dict([_write(low, least), _write(high, most)])
        if high == "daily_loss.limit" and low == "risk_per_trade":
            values["risk.position"] = "1"
        yield Bad(f"risk.{low}", values[f"risk.{low}"], "pair", {**support, **values})
    for low, high in STRICTLY_RISING:
        values = dict([_write(low, 500_000), _write(high, 500_000)])
        yield Bad(f"risk.{low}", "0.5", "pair", {**empty, **values})
    for key, other in NEEDS:
        name, value = _write(key, 300_000)
        yield Bad(name, value, "needs", {**empty, name: value, f"risk.{other}": "none"})
    for stop in ("stop_loss", "trailing_stop"):
        flags = {**empty, **PERPETUAL, "risk.leverage": 4, f"risk.{stop}": "0.25"}
        yield Bad(f"risk.{stop}", "0.25", "pair", flags)
    yield one("risk.stop_loss", "0.25", "pair")
    yield Bad("risk.confidence_floor", "0.5", "needs", {"risk.confidence_floor": "0.5"})
    for source in ("conviction", "action"):
        yield one("risk.confidence_source", source, "needs")
    readiness = {"risk.confidence_source": "readiness", "risk.confidence_floor": "0.5"}
    yield Bad("risk.confidence_floor", "0.5", "needs", readiness)
    yield one("risk.leverage", 2, "cash account")
    yield Bad("risk.leverage", 2, "cash account", {"risk.profile": "perpetual"})
    yield Bad("simulation.allow_short", "1", "pair", {"simulation.allow_short": True})
    yield one("simulation.gross_limit", 2, "pair")
    yield Bad(
        "simulation.gross_limit", 4, "pair", {"simulation.gross_limit": 4, "simulation.leverage": 3}
    )
    yield Bad(
        "simulation.hard_margin",
        "",
        "pair",
        {"simulation.soft_margin": 0.9, "simulation.hard_margin": 0.8},
    )
    native = {"training.learner": "native", "training.observations": "index"}
    yield Bad("training", "", "pair", native)
    native = {"training.learner": "native", "training.device": "cuda"}
    yield Bad("training", "", "pair", native)
    for section in ("training", "backtest", "paper"):
        start, end = f"{section}.from", f"{section}.to"
        for first in ("2024-05-01", "2024-01-02"):
            yield Bad(section, first, "pair", {start: first, end: "2024-01-02"})


def good_cases() -> Iterator[Mapping[str, object]]:
    """Yield configurations that must pass: each bound, each word, each profile, each limit off."""
    yield {}
    for profile in PROFILES:
        yield {"profile": profile}
    for name in NAMES:
        yield {"risk.profile": name, **PERPETUAL}
        yield {"risk.profile": name, "risk.leverage": 1}
    fixed = {
        "simulation.leverage": 125,
        "simulation.soft_margin": "0.0001",
        "simulation.hard_margin": 1,
    }
    for key, field, default in leaves(Settings()):
        kind = kind_of(field, default)
        for good, _ in bounds(field, STEPS.get(kind, 1)):
            yield {**fixed, key: str(good)} if key.startswith("simulation") else {key: str(good)}
        if kind == "word" and key != "risk.confidence_source":
            yield from ({key: word} for word in get_args(field.annotation))
        if kind in {"share", "count"} and key not in {"risk.leverage", "risk.margin.soft"}:
            yield {key: "none"}
        if kind == "switch" and not key.endswith(("critical", "allow_short")):
            yield from ({key: state} for state in (True, False))
        if kind == "recovery":
            yield from ({key: text} for text in ("0s", "90m", "24h", "366d"))
    for low, high in RISING:
        both = 2 * SHARE if high == "leverage" else 200_000
        values = dict([_write(low, both), _write(high, both)])
        more: dict[str, Any] = {"risk.position": "0.2"} if low == "position_low" else {}
        if low.startswith("risk_per_trade"):
            more = {"risk.position": "0.2"}
        base = {"risk.profile": "integration", "risk.daily_loss.limit": "none"}
        yield {**base, **PERPETUAL, **more, **values}
    yield {"risk.confidence_source": "action", "risk.confidence_floor": "0.3"}
    yield {"risk.margin.hard": "none", "risk.margin.soft": "none"}
    yield {"simulation.leverage": 2, "simulation.allow_short": True, "simulation.gross_limit": 2}
    yield {"risk.leverage": 2, "simulation.leverage": 2}
    yield {"risk.profile": "perpetual", "simulation.leverage": 3}
    yield {
        "market.symbols": "btc-usd, ETH_USDT",
        "backtest.from": "2024-01-01",
        "backtest.to": "2024-01-02",
    }
    yield {"training.features": "rsi(14), macd(12,26,9)", "backtest.cost_profile": "binance+stress"}
