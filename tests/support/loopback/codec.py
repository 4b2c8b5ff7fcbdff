"""Calls and answers as lines of JSON: whole records by name, money as text, nothing executable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from mettle.application.ports import venue as port
from mettle.domain.market import Symbol
from mettle.domain.money import Money
from mettle.domain.orders import OrderKind, OrderTerms, Purpose, Side, TimeInForce

_RECORDS: tuple[type[Any], ...] = (
    Symbol,
    Money,
    OrderTerms,
    port.OrderRequest,
    port.Accepted,
    port.Refused,
    port.VenueOrder,
    port.VenueFill,
    port.VenueFunding,
    port.VenueAccount,
    port.VenueCapabilities,
    port.Quote,
)
_ENUMS: tuple[type[Enum], ...] = (
    OrderKind,
    Purpose,
    Side,
    TimeInForce,
    port.CancelAnswer,
    port.RefusalKind,
    port.RepeatedId,
    port.VenueOrderStatus,
)
_KNOWN = {one.__name__: one for one in (*_RECORDS, *_ENUMS)}


def encode(value: object) -> bytes:
    """Return one line."""
    return json.dumps(_plain(value)).encode() + b"\n"


def decode(line: bytes) -> Any:  # noqa: ANN401  what a line says
    """Return what a line says.

    Raises:
        ValueError: If it is no whole line of ours.
    """
    return _whole(json.loads(line))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if is_dataclass(value):
        body = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        return {"record": type(value).__name__, "fields": body}
    if isinstance(value, Mapping):
        return {"mapping": [[_plain(key), _plain(one)] for key, one in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def _whole(value: Any) -> Any:  # noqa: ANN401  any JSON, and what it stands for
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "enum" in value:
        return getattr(_KNOWN[value["enum"]], value["name"])
    if "decimal" in value:
        return Decimal(value["decimal"])
    if "mapping" in value:
        return {_whole(key): _whole(one) for key, one in value["mapping"]}
    body = {name: _whole(one) for name, one in value["fields"].items()}
    return _KNOWN[value["record"]](**body)
