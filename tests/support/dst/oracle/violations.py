"""What the oracle found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant.

    Attributes:
        invariant: ``I1`` … ``I20``, or a short name of a rule of the contract.
        event: Number of the event after which it was seen.
        time: Simulated Unix milliseconds.
    """

    invariant: str
    text: str
    event: int
    time: int

    def __str__(self) -> str:
        return f"{self.invariant} at event {self.event}: {self.text}"


@dataclass
class Findings:
    """Collects violations; each text of an invariant once.

    Attributes:
        present: Returns event number and time.
    """

    event: int = 0
    time: int = 0
    violations: list[Violation] = field(default_factory=list)
    checks: int = 0
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def need(self, holds: object, invariant: str, text: str) -> None:
        """Note a violation unless ``holds``."""
        self.checks += 1
        if not holds:
            self.broken(invariant, text)

    def broken(self, invariant: str, text: str) -> None:
        """Note a violation."""
        if (invariant, text) not in self._seen:
            self._seen.add((invariant, text))
            self.violations.append(Violation(invariant, text, self.event, self.time))
