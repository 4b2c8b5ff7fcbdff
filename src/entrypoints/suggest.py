"""The nearest known name to a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(value: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``value`` was probably meant to be, or None.

    Case and the separators of symbols and keys do not count: ``btcusdt`` finds ``BTC/USDT``.
    """
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(_fold(name), name)
    if found := get_close_matches(_fold(value), folded, n=1, cutoff=0.6):
        return folded[found[0]]
    return None


def did_you_mean(value: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return “did you mean X?”, or ``otherwise`` where nothing is near."""
    name = nearest(value, known)
    return f"did you mean {name!r}?" if name else otherwise


def _fold(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())
