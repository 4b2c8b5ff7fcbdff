"""Feature definitions: names, parameters, order. Their values come from the native kernels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum

from ..errors import InvalidValue


class FeatureForm(Enum):
    """Whether a feature is in the units of the price or free of them."""

    RAW = "raw"
    STATIONARY = "stationary"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One column of a feature set.

    Attributes:
        name: Kernel's name, such as ``rsi`` or ``macd_signal``.
        parameters: Whole-number parameters in the kernel's order, such as ``(12, 26, 9)``.
        form: Raw, or stationary (a ratio to price; the default for learning).
    """

    name: str
    parameters: tuple[int, ...] = ()
    form: FeatureForm = FeatureForm.STATIONARY

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("a feature needs a name")
        if any(type(value) is not int for value in self.parameters):
            raise InvalidValue(
                f"{self.name}: parameters must be whole numbers, were {self.parameters!r}"
            )

    def __str__(self) -> str:
        inside = ",".join(map(str, self.parameters))
        suffix = "" if self.form is FeatureForm.STATIONARY else ":raw"
        return f"{self.name}({inside}){suffix}"


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """An ordered list of features, the same for every asset.

    Models carry it; a model that meets another set is refused, never padded.
    """

    specs: tuple[FeatureSpec, ...]

    def __post_init__(self) -> None:
        if not self.specs:
            raise InvalidValue("a feature set needs at least one feature")
        if len(set(self.specs)) != len(self.specs):
            raise InvalidValue("a feature set must not hold a feature twice")

    def __len__(self) -> int:
        return len(self.specs)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(map(str, self.specs))

    @property
    def hash(self) -> str:
        """SHA-256 of the ordered definitions."""
        return hashlib.sha256(json.dumps(self.to_list()).encode()).hexdigest()

    def to_list(self) -> list[list[object]]:
        """Return plain lists; the inverse of :meth:`from_list`."""
        return [[one.name, list(one.parameters), one.form.value] for one in self.specs]

    @classmethod
    def from_list(cls, rows: list[list[object]]) -> FeatureSet:
        """Build from :meth:`to_list`'s result."""
        specs = []
        for row in rows:
            match row:
                case [str(name), list(parameters), ("raw" | "stationary") as form]:
                    specs.append(FeatureSpec(name, tuple(parameters), FeatureForm(form)))
                case _:
                    raise InvalidValue(
                        f"not a feature definition: {row!r}",
                        mend='write it as [name, [parameters], "raw" or "stationary"]',
                    )
        return cls(tuple(specs))
