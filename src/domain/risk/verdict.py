"""The only key to the sending port: an intent that the risk engine approved."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import MettleError
from ..orders import OrderIntent


class Seal:
    """Proof that a verdict was made by the engine; only :mod:`.engine` holds it."""


SEAL = Seal()


@dataclass(frozen=True, slots=True)
class Approved:
    """An intent that may be sent, as it stands now.

    Attributes:
        intent: Possibly smaller than what was asked for.
        reserved: Worst-case notional that it adds to exposure, 1e-8 of the quote currency; 0 for a
            reduction.
        judged_at: Unix milliseconds UTC; a verdict that has grown old is asked for again.
        note: What was cut, for people; empty if nothing was.
    """

    intent: OrderIntent
    reserved: int
    judged_at: int
    note: str = ""
    seal: Seal | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not SEAL:
            raise MettleError("an approval was made outside the risk engine: a defect of ours")


@dataclass(frozen=True, slots=True)
class Refused:
    """An intent that may not be sent.

    Attributes:
        rule: The limit's or breaker's name, as in the profile.
        reason: Value, rule and what would mend it, for people.
        instead: What still goes through: the closing part of an opening that turns a position.
    """

    intent: OrderIntent
    rule: str
    reason: str
    instead: Approved | None = None


Verdict = Approved | Refused
