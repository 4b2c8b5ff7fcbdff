"""What a venue says of an account's terms: fees, margin mode, leverage; as a port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from ...domain.market import FeeTier, Symbol


class MarginMode(Enum):
    """What a contract's margin is shared with."""

    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """How a perpetual is held.

    Attributes:
        one_way: Whether a symbol has one position; else long and short stand beside each other.
        maintenance_ppm: Maintenance margin of the tier that the account's positions lie in,
            millionths of their value.
    """

    mode: MarginMode
    one_way: bool
    leverage: int
    maintenance_ppm: int


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """An account's terms as they are now.

    Attributes:
        fees: The tier that the account is in, by symbol.
        contracts: Of each perpetual.
    """

    fees: Mapping[Symbol, FeeTier]
    contracts: Mapping[Symbol, ContractTerms] = field(default_factory=dict)


class TellsTerms(Protocol):
    """A venue that can be asked for them: where the capability ``tells_terms`` is set."""

    def terms(self) -> AccountTerms:
        """Return the account's terms.

        Raises:
            VenueError: If they could not be read.
        """
