"""Names, lists and dates as people write them, and the base of every section."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from ...domain.errors import MettleError
from ...domain.market import Symbol, Timeframe

_OUTSIDE = re.compile(r"\s*,\s*(?![^()]*\))")


def split(value: object) -> object:
    """Let the environment and flags write a list as ``BTC/USDT,ETH/USDT``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, str):
        return [part.strip() for part in value.strip("[] ").replace('"', "").split(",") if part]
    return value


def split_features(value: object) -> object:
    """Split at commas outside brackets: ``rsi(14), macd(12,26,9)``."""
    return (
        _OUTSIDE.split(value.strip()) if isinstance(value, str) and value.strip() else value or ()
    )


def _symbol(text: str) -> str:
    try:
        return str(Symbol.parse(text))
    except MettleError as error:
        raise ValueError(f"{error.message}; {error.mend}") from None


def _timeframe(text: str) -> str:
    try:
        return Timeframe.parse(text).label
    except MettleError as error:
        raise ValueError(f"{error.message}; {error.mend}") from None


def read_date(value: object) -> object:
    """Turn a date or an instant into its text; pydantic hands TOML's own dates over as objects."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def check_date(text: str) -> str:
    """Return ``text`` if it is an ISO date or instant, or empty; raises ValueError otherwise."""
    if text:
        to_ms(text)
    return text


def to_ms(text: str) -> int:
    """Return an ISO date or instant as Unix milliseconds; without an offset it is UTC.

    Raises:
        ValueError: If it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date such as 2024-01-31, or 2024-01-31T13:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000


SymbolText = Annotated[str, AfterValidator(_symbol)]
TimeframeText = Annotated[str, AfterValidator(_timeframe)]
DateText = Annotated[str, BeforeValidator(read_date), AfterValidator(check_date)]


class Section(BaseModel):
    """What all sections share: no unknown keys, no change after reading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )
