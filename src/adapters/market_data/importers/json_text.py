"""JSON: raw answers of venues one a line, arrays of candles, or objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ....domain.errors import DataError
from .table import RawTable

_PAYLOADS = ("response", "data", "result", "candles", "klines")
_PLAIN = ("time", "price1", "price2", "price3", "price4", "volume")


def read_json(path: Path, text: str) -> RawTable:
    """Return the candles of a JSON or JSON-lines file, each with the line that it came from.

    Raises:
        DataError: If a line is not JSON or holds no candles.
    """
    candles: list[tuple[int, Any]] = []
    for number, value in _documents(path, text):
        candles.extend((number, candle) for candle in _candles(path, number, value))
    if not candles:
        raise DataError(f"{path} holds no candles")
    lines = np.array([number for number, _ in candles], dtype=np.int64)
    if all(isinstance(candle, dict) for _, candle in candles):
        return _objects(path, candles, lines)
    return _arrays(path, candles, lines)


def _documents(path: Path, text: str) -> list[tuple[int, Any]]:
    # Numbers stay text: their decimals are the evidence for the tick.
    try:
        return [(1, json.loads(text, parse_float=str, parse_int=str))]
    except ValueError:
        pass  # more than one document: JSON lines
    documents = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                documents.append((number, json.loads(line, parse_float=str, parse_int=str)))
            except ValueError as error:
                raise DataError(f"{path}: line {number} is not JSON: {error}") from None
    return documents


def _candles(path: Path, number: int, value: Any) -> list[Any]:
    """Return the arrays or objects that one document holds."""
    if isinstance(value, dict):
        payload = next((value[name] for name in _PAYLOADS if name in value), None)
        if payload is None:
            return [value]
        if isinstance(payload, str):
            try:
                payload = json.loads(payload, parse_float=str, parse_int=str)
            except ValueError:
                raise DataError(
                    f"{path}: line {number}: the answer is not JSON: {payload[:60]!r}"
                ) from None
        return _candles(path, number, payload)
    if isinstance(value, list) and value and not isinstance(value[0], list | dict):
        if len(value) < len(_PLAIN):
            raise DataError(f"{path}: line {number} holds no candle: {str(value)[:80]}")
        return [value]
    if isinstance(value, list):
        return value
    raise DataError(f"{path}: line {number} holds no candles: {str(value)[:80]}")


def _objects(path: Path, candles: list[tuple[int, Any]], lines: Any) -> RawTable:
    names = list(dict.fromkeys(name for _, candle in candles for name in candle))
    columns = {
        name.strip().lower(): pl.Series(
            [_text(candle.get(name)) for _, candle in candles], dtype=pl.String
        )
        for name in names
    }
    return RawTable(path, columns, lines)


def _arrays(path: Path, candles: list[tuple[int, Any]], lines: Any) -> RawTable:
    for number, candle in candles:
        if not isinstance(candle, list) or len(candle) < len(_PLAIN):
            raise DataError(f"{path}: line {number} holds no candle: {str(candle)[:80]}")
    columns = {
        name: pl.Series([_text(candle[i]) for _, candle in candles], dtype=pl.String)
        for i, name in enumerate(_PLAIN)
    }
    return RawTable(path, columns, lines, ordered_prices=_PLAIN[1:5])


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
