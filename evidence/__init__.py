"""Claims that are more than a test, each with a seeded script that shows it.

A module offers ``run(full: bool) -> Outcome``; ``python -m evidence NAME`` runs it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found.

    Attributes:
        figure: The measured figure with its unit.
        target: What was promised.
        holds: Whether the figure meets it.
    """

    figure: str
    target: str
    holds: bool

    def line(self, name: str) -> str:
        """Return the last line of a run."""
        return f"{name}: {self.figure} (target {self.target}) {self.verdict}"

    @property
    def verdict(self) -> str:
        """“holds” or “falls short”."""
        return "holds" if self.holds else "falls short"
