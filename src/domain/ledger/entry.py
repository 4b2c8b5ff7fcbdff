"""One balanced change of the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from ..errors import InvalidValue
from ..money import add, exact, plain

WALLET = "wallet"
"""What is held at the venue, asset by asset."""
CONTRACTS = "contracts"
"""Open perpetual contracts, in base units of the symbol that names them."""
CONVERSION = "conversion"
"""The other side of an exchange of one asset for another."""
REALISED = "realised"
"""Where the profit of closed contracts comes from: it falls by what the wallet gains."""
FEES = "fees"
FUNDING = "funding"
CAPITAL = "capital"
"""What the owner paid in (negative) and took out."""
EXTERNAL = "external"
"""What changed a balance without an order of ours."""
SUSPENSE = "suspense"
"""What is gone, or has come back, and nothing explains; a person has to look at it."""


class EntryKind(Enum):
    """Why the books changed."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    FILL = "fill"
    FUNDING = "funding"
    EXTERNAL = "external"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True, order=True)
class Posting:
    """One leg: a signed amount of one asset on one account."""

    account: str
    asset: str
    amount: Decimal

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", exact(self.amount, f"{self.account} posting"))
        if not self.account or not self.asset:
            raise InvalidValue(
                f"a posting needs an account and an asset, had {self.account!r} and {self.asset!r}"
            )


def sums(postings: Iterable[Posting]) -> dict[str, Decimal]:
    """Return the exact sum of each asset."""
    result: dict[str, Decimal] = defaultdict(Decimal)
    for posting in postings:
        result[posting.asset] = add(result[posting.asset], posting.amount)
    return dict(result)


@dataclass(frozen=True, slots=True)
class Entry:
    """Postings that sum to zero in every asset.

    Attributes:
        entry_id: Names the event, not the record of it: a second report carries the same.
        occurred_at: When the world did it, Unix milliseconds UTC.
        recorded_at: When we wrote it down.
    """

    entry_id: str
    occurred_at: int
    recorded_at: int
    kind: EntryKind
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        if not self.entry_id or not self.postings:
            raise InvalidValue(f"entry {self.entry_id!r} needs an id and at least two postings")
        for asset, rest in sums(self.postings).items():
            if rest:
                raise InvalidValue(
                    f"entry {self.entry_id}: the postings in {asset} must sum to zero, "
                    f"were {plain(rest)} off"
                )

    def same_event(self, other: Entry) -> bool:
        """Return whether both report the same event in the same way, whenever recorded."""
        return (self.entry_id, self.occurred_at, self.kind, sorted(self.postings)) == (
            other.entry_id,
            other.occurred_at,
            other.kind,
            sorted(other.postings),
        )
