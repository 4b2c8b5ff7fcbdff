"""The fixed grid on which bars sit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import InvalidValue

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, order=True)
class Timeframe:
    """The length of a bar; bars open at whole multiples of it since the epoch, UTC."""

    milliseconds: int

    LABELS: ClassVar[dict[str, int]] = {
        "1m": 60_000,
        "5m": 300_000,
        "15m": 900_000,
        "1h": 3_600_000,
        "4h": 14_400_000,
        "12h": 43_200_000,
        "1d": _DAY_MS,
    }

    def __post_init__(self) -> None:
        if self.milliseconds not in self.LABELS.values():
            raise InvalidValue(
                f"timeframe must be one of {', '.join(self.LABELS)}, was {self.milliseconds} ms"
            )

    @classmethod
    def parse(cls, label: str) -> Timeframe:
        """Return the timeframe called ``label`` (``1m 5m 15m 1h 4h 12h 1d``).

        Raises:
            InvalidValue: If there is none of that name.
        """
        try:
            return cls(cls.LABELS[label.strip().lower()])
        except KeyError:
            raise InvalidValue(
                f"unknown timeframe {label!r}", mend=f"use one of {', '.join(cls.LABELS)}"
            ) from None

    @property
    def label(self) -> str:
        """The short name, such as ``1h``."""
        return next(name for name, length in self.LABELS.items() if length == self.milliseconds)

    @property
    def seconds(self) -> int:
        """The length in seconds."""
        return self.milliseconds // 1000

    @property
    def bars_per_day(self) -> int:
        """How many bars one day holds."""
        return _DAY_MS // self.milliseconds

    @property
    def bars_per_year(self) -> int:
        """How many bars 365 days hold: the annualisation factor of every metric."""
        return 365 * self.bars_per_day

    def floor(self, time_ms: int) -> int:
        """Return the open of the bar that contains ``time_ms`` (Unix milliseconds, UTC)."""
        return time_ms - time_ms % self.milliseconds

    def __str__(self) -> str:
        return self.label
