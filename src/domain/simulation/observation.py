"""What the agent sees of its own account."""

from __future__ import annotations

from collections.abc import Sequence

from .account import Account, Worth
from .numbers import to_float32

INDEX_SPLIT = 4096
"""A bar's index travels as two float32 that both hold it exactly."""


def portfolio_part(account: Account, closes: Sequence[int]) -> list[float]:
    """Return cash ratio, then weight, unrealised return and bars held of each asset.

    Args:
        closes: Ticks, one an asset.

    Returns:
        1 + 3A values, each rounded once to float32; zeros without equity.
    """
    return [to_float32(value) for value in portfolio_values(account, account.worth(closes))]


def portfolio_values(account: Account, worth: Worth) -> list[float]:
    """Return the same in float64, to be rounded once to float32.

    Args:
        worth: Of the account, at the closes.
    """
    if worth.equity <= 0:
        return [0.0] * (1 + 3 * len(worth.values))
    equity = float(worth.equity)
    part = [float(account.cash) / equity]
    for state, value in zip(account.assets, worth.values, strict=True):
        if lots := state.lots:
            gain = value - (state.basis if lots > 0 else -state.basis)
            part.append(float(value) / equity)
            part.append(float(gain) / float(state.basis) if state.basis else 0.0)
        else:
            part += (0.0, 0.0)
        part.append(float(state.bars_held) / 100.0)
    return part


def index_part(bar: int) -> tuple[float, float]:
    """Return the two entries that name bar ``bar`` in the ``index`` mode."""
    return float(bar // INDEX_SPLIT), float(bar % INDEX_SPLIT)
