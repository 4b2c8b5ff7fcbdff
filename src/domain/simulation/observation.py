"""What the agent sees of its own account."""

from __future__ import annotations

from collections.abc import Sequence

from .account import Account
from .numbers import sign, to_float32

INDEX_SPLIT = 4096
"""A bar's index travels as two float32 that both hold it exactly."""


def portfolio_part(account: Account, closes: Sequence[int]) -> list[float]:
    """Return cash ratio, then weight, unrealised return and bars held of each asset.

    Args:
        closes: Ticks, one an asset.

    Returns:
        1 + 3A values, each rounded once to float32; zeros without equity.
    """
    equity = account.equity(closes)
    if equity <= 0:
        return [0.0] * (1 + 3 * len(closes))
    part = [float(account.cash) / float(equity)]
    for index, (state, close) in enumerate(zip(account.assets, closes, strict=True)):
        value = account.value(index, close)
        gain = value - sign(state.lots) * state.basis
        part.append(float(value) / float(equity))
        part.append(float(gain) / float(state.basis) if state.basis else 0.0)
        part.append(float(state.bars_held) / 100.0)
    return [to_float32(value) for value in part]


def index_part(bar: int) -> tuple[float, float]:
    """Return the two entries that name bar ``bar`` in the ``index`` mode."""
    return float(bar // INDEX_SPLIT), float(bar % INDEX_SPLIT)
