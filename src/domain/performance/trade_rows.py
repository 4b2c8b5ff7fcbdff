"""The row of a trade, and what is read of a fill."""

from __future__ import annotations

import numpy as np

TRADE_DTYPE = np.dtype(
    [
        ("asset", "<i4"),
        ("side", "<i4"),  # +1 long, −1 short
        ("opened", "<i8"),  # bar in which the position began
        ("closed", "<i8"),  # bar of the reducing fill
        ("lots", "<i8"),  # lots reduced, > 0
        ("basis", "<i8"),  # cost of those lots, 1e-8 quote
        ("exit", "<i8"),  # ticks of the reducing fill
        ("gross", "<i8"),  # P&L by average cost, slippage inside, fees not
        ("fee", "<i8"),  # of the exit and the released part of the entry
        ("funding", "<i8"),  # received (+) or paid (−) while held
        ("slippage", "<i8"),  # |fill − reference| of both ends; already inside gross
        ("net", "<i8"),  # gross − fee + funding
        ("reason", "<i4"),  # of the reducing fill
    ]
)

FILL_FIELDS = np.dtype(
    [
        ("bar", "<i8"),
        ("asset", "<i4"),
        ("side", "<i4"),
        ("lots", "<i8"),
        ("ticks", "<i8"),
        ("reference", "<i8"),
        ("fee", "<i8"),
        ("maker", "<i4"),
        ("reason", "<i4"),
    ]
)
"""What the trades need of a fill; ``FILL_DTYPE`` of the engines has all of these."""
