"""The parts of the scoreboard: each is a module with ``measure(scale, processes) -> Part``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Scale(Enum):
    """How much is played."""

    SHORT = "short"
    """At most a minute on this machine: what ``python -m evidence`` shows without ``--full``."""
    CI = "ci"
    """What every push must show."""
    NIGHTLY = "nightly"
    """What a night has time for."""
    RELEASE = "release"
    """What a release is held to."""


@dataclass
class Part:
    """What one part found.

    Attributes:
        name: One or two words; the heading in the table.
        figures: What was measured, as plain data for the JSON file.
        target: What was promised, in words.
        holds: Whether the promise is kept.
        summary: What was found, in one line that reads as a figure against the target.
        lines: Tables and remarks in Markdown, in the order of reading.
        commands: What replays each thing that broke, one command each.
    """

    name: str
    figures: dict[str, object]
    target: str
    holds: bool
    summary: str
    lines: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


class Measure(Protocol):
    """How a part's module is asked."""

    def __call__(self, scale: Scale, processes: int) -> Part:
        """Measure, with so many processes at once."""
