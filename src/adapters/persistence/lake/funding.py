"""Merging funding settlements, the same for every lake."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....domain.errors import DataError

Funding = tuple[NDArray[np.int64], NDArray[np.int64]]


def merge_funding(held: Funding, new: Funding) -> Funding:
    """Return both, by rising time; where both have a settlement the new one wins.

    Raises:
        DataError: If times and rates differ in length or are not int64.
    """
    time, rate = new
    if time.dtype != np.int64 or rate.dtype != np.int64 or time.shape != rate.shape:
        raise DataError("funding needs int64 times and rates of one length")
    if len(np.unique(time)) != len(time):
        raise DataError("funding times must be unique")
    keep = ~np.isin(held[0], time)
    times = np.concatenate([held[0][keep], time])
    order = np.argsort(times, kind="stable")
    return times[order], np.concatenate([held[1][keep], rate])[order]
