"""What keeps money away from journals that a power cut would take."""

from __future__ import annotations

from ...domain.errors import RefusedForSafety

LIVE = "live:"
"""How the accounts of real money begin: ``live:venue:name``."""


def refuse_live(account: str) -> None:
    """Refuse an account of real money.

    Raises:
        RefusedForSafety: If it is one.
    """
    if account.startswith(LIVE):
        raise RefusedForSafety(
            f"{account} trades real money, and this journal does not survive a power cut",
            mend="open it with SqlStore",
        )
