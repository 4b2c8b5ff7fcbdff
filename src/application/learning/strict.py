"""Reading JSON that nobody may have changed: every key named once, known, and of its type."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from typing import Any, Never, TypeVar

from ...domain.errors import ArtefactError

T = TypeVar("T")


def canonical(values: Mapping[str, Any]) -> bytes:
    """Return the one text of ``values``: sorted keys, no spaces, no NaN."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands there twice")
    return values


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a number of JSON")


class Fields:
    """One JSON object whose keys are taken one by one.

    Args:
        values: The object.
        place: Where it stands, for messages.
    """

    def __init__(self, values: object, place: str) -> None:
        if not isinstance(values, dict):
            raise ArtefactError(f"{place} must be an object, was {type(values).__name__}")
        self._values: dict[str, Any] = dict(values)
        self._whole = values
        self._place = place

    @classmethod
    def parse(cls, data: bytes, place: str) -> Fields:
        """Read JSON text.

        Raises:
            ArtefactError: If it is not JSON, holds NaN, or names a key twice.
        """
        try:
            values = json.loads(
                data.decode(), object_pairs_hook=_no_doubles, parse_constant=_no_constant
            )
        except (ValueError, RecursionError) as error:
            raise ArtefactError(
                f"{place} is damaged: {error}", mend="restore the file, or train again"
            ) from error
        return cls(values, place)

    def take(self, name: str, kind: type[T]) -> T:
        """Return and strike out the value of ``name``.

        Raises:
            ArtefactError: If it is missing or of another type; a whole number passes as a float.
        """
        if name not in self._values:
            raise ArtefactError(f"{self._place}.{name} is missing")
        value = self._values.pop(name)
        if kind is float and type(value) is int:
            value = float(value)
        # Exact types: bool is an int to isinstance, and 1.0 would pass for 1 by equality.
        if type(value) is not kind:
            raise ArtefactError(
                f"{self._place}.{name} must be {kind.__name__}, was {type(value).__name__}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise ArtefactError(f"{self._place}.{name} must be finite")
        return value

    def take_optional(self, name: str, kind: type[T]) -> T | None:
        """Return and strike out a value that may be null."""
        if name in self._values and self._values[name] is None:
            del self._values[name]
            return None
        return self.take(name, kind)

    def names(self) -> set[str]:
        """Return the keys that were not taken yet."""
        return set(self._values)

    def child(self, name: str) -> Fields:
        """Return the object under ``name``."""
        return Fields(self.take(name, dict), f"{self._place}.{name}")

    def children(self, name: str) -> list[Fields]:
        """Return the objects in the list under ``name``."""
        rows = self.take(name, list)
        return [Fields(one, f"{self._place}.{name}[{i}]") for i, one in enumerate(rows)]

    def named(self, name: str) -> dict[str, Fields]:
        """Return the objects under ``name``, by their own free names."""
        rows = self.take(name, dict)
        return {key: Fields(one, f"{self._place}.{name}.{key}") for key, one in rows.items()}

    def integers(self, name: str) -> tuple[int, ...]:
        """Return the list of whole numbers under ``name``."""
        rows = self.take(name, list)
        if any(type(one) is not int for one in rows):
            raise ArtefactError(f"{self._place}.{name} must hold whole numbers, was {rows!r}")
        return tuple(rows)

    def figures(self, name: str) -> dict[str, float | None]:
        """Return the finite numbers or nulls under ``name``, by their own free names."""
        rows = self.take(name, dict)
        numbers = Fields(rows, f"{self._place}.{name}")
        return {
            key: None if value is None else numbers.take(key, float) for key, value in rows.items()
        }

    def finish(self) -> None:
        """Refuse what was not taken.

        Raises:
            ArtefactError: If a key is left.
        """
        if self._values:
            raise ArtefactError(f"{self._place}.{min(self._values)} is unknown")

    def verify_digest(self) -> None:
        """Take ``digest`` and compare it with the SHA-256 of all other keys.

        Raises:
            ArtefactError: If they differ.
        """
        stated = self.take("digest", str)
        body = {name: value for name, value in self._whole.items() if name != "digest"}
        found = hashlib.sha256(canonical(body)).hexdigest()
        if not hmac.compare_digest(stated.encode(), found.encode()):
            raise ArtefactError(
                f"{self._place} was changed: its digest is {found[:12]}…, stated {stated[:12]}…",
                mend="restore the file, or train again",
            )
