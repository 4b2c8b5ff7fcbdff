"""Limits as people write them: ``"10 %"``, ``3``, ``"30m"`` or ``none``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from ...domain.risk.rules import SHARE, duration
from .units import plain_text, read_number, read_ratio, whole

NEXT_PERIOD = "next period"
_LENGTHS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"^(\d{1,12})\s*(ms|s|m|h|d)$")


def read_duration(value: object) -> int:
    """Return milliseconds of ``5s``, ``30m``, ``24h`` or ``7d``; raises ValueError otherwise."""
    found = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a duration such as 500ms, 5s, 30m, 24h or 7d")
    return int(found[1]) * _LENGTHS[found[2]]


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() == "none")


def _share(value: object) -> Decimal | None:
    if _absent(value):
        return None
    share = read_ratio(value)
    if share * SHARE != int(share * SHARE):
        raise ValueError("must be a whole multiple of 0.000001")
    return share


def _count(value: object) -> int | None:
    if _absent(value):
        return None
    try:
        number = read_number(value)
    except ValueError:
        raise ValueError("must be a whole number, or none") from None
    if number != int(number):
        raise ValueError("must be a whole number, or none")
    return int(number)


def _time(value: object) -> str | None:
    """Return the duration as it is shown, so that 60m and 1h are one value."""
    return None if _absent(value) else duration(read_duration(value))


def _recovery(value: object) -> str:
    text = " ".join(value.split()).lower() if isinstance(value, str) else value
    return NEXT_PERIOD if text == NEXT_PERIOD else duration(read_duration(value))


def _shown_share(value: Decimal | None) -> str:
    return "none" if value is None else plain_text(value)


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


_TEXT = {"type": ["number", "string"]}
Share = Annotated[
    Decimal | None,
    BeforeValidator(_share),
    PlainSerializer(_shown_share, return_type=str),
    WithJsonSchema(_TEXT),
]
"""A share of equity or a multiple in steps of a millionth, or ``none``."""
Count = Annotated[
    int | None,
    BeforeValidator(_count),
    PlainSerializer(_shown, return_type=str),
    WithJsonSchema({"type": ["integer", "string"]}),
]
"""A whole number, or ``none``."""
Time = Annotated[
    str | None,
    BeforeValidator(_time),
    PlainSerializer(_shown, return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""A duration, or ``none``."""
Recovery = Annotated[str, BeforeValidator(_recovery)]


def bound(limit: object) -> int | None:
    """Return a limit as the domain counts it: millionths, a count or milliseconds."""
    if isinstance(limit, Decimal):
        return whole(limit, SHARE)
    if isinstance(limit, str):
        return read_duration(limit)
    return limit if isinstance(limit, int) else None
