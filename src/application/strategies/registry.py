"""Rule strategies by name, with their parameters as data."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...domain.errors import InvalidValue, NotFound
from ..ports.agent import Agent
from .buy_and_hold import BuyAndHold
from .ema_cross import EmaCross

Value = int | bool
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class StrategyDefinition:
    """A rule strategy and what may be set of it.

    Attributes:
        defaults: Value of each parameter unless given; its type is the parameter's type.
        make: Takes the parameters by name.
    """

    name: str
    meaning: str
    defaults: Mapping[str, Value]
    make: Callable[..., Agent]


STRATEGIES: dict[str, StrategyDefinition] = {
    one.name: one
    for one in (
        StrategyDefinition(
            "ema-cross",
            "an equal share of each asset whose fast exponential average is above its slow one",
            {"fast": 12, "slow": 26, "allow_short": False},
            EmaCross,
        ),
        StrategyDefinition("buy-and-hold", "an equal share of each asset, always", {}, BuyAndHold),
    )
}
"""All rule strategies by name."""


def make_strategy(name: str, parameters: Mapping[str, int | bool | str] | None = None) -> Agent:
    """Build a strategy.

    Args:
        parameters: Those that differ from the defaults; text is read as the default's type.

    Raises:
        NotFound: If nothing has that name.
        InvalidValue: If a parameter is unknown, of another type or out of bounds.
    """
    known = STRATEGIES.get(name)
    if known is None:
        raise NotFound(f"no strategy is called {name!r}", mend=_nearest(name, STRATEGIES))
    values: dict[str, Value] = dict(known.defaults)
    for key, value in (parameters or {}).items():
        if key not in known.defaults:
            raise InvalidValue(
                f"{name} has no parameter {key!r}", mend=_nearest(key, known.defaults)
            )
        values[key] = _read(value, known.defaults[key], f"{name}: {key}")
    return known.make(**values)


def parse_strategy(text: str) -> Agent:
    """Build what is written ``ema-cross`` or ``ema-cross:fast=10,slow=30``.

    Raises:
        NotFound: If nothing has that name.
        InvalidValue: If a parameter is not ``key=value``, or :func:`make_strategy` refuses it.
    """
    name, _, rest = text.partition(":")
    parameters: dict[str, int | bool | str] = {}
    for part in filter(None, (one.strip() for one in rest.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise InvalidValue(
                f"{part!r} is not a parameter", mend="write it as ema-cross:fast=10,slow=30"
            )
        parameters[key.strip()] = value.strip()
    return make_strategy(name.strip(), parameters)


def _read(value: int | bool | str, default: Value, label: str) -> Value:
    """Return ``value`` in the type of ``default``."""
    if isinstance(default, bool):
        read = _WORDS.get(value.lower()) if isinstance(value, str) else value
        if isinstance(read, bool):
            return read
        raise InvalidValue(f"{label} must be true or false, was {value!r}")
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = True  # no number either
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidValue(f"{label} must be a whole number, was {value!r}")
    return number


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(known) or 'none'}"
