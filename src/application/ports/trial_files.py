"""What a trial leaves on the disk, as a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..campaign.records import TrialAttempt


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """What one fold of a trial brought.

    Attributes:
        returns: Of each bar out of sample, shape (n,), float64.
        figures: Sums that the trial's figures are made of.
    """

    returns: NDArray[np.float64]
    figures: Mapping[str, float] = field(default_factory=dict)


class TrialFiles(Protocol):
    """The files of trials. Adapter: folders. One writer a trial at a time."""

    def folder(self, attempt: TrialAttempt) -> Path:
        """Return the trial's folder, for checkpoints; it need not exist yet."""

    def check_space(self, needed: int) -> None:
        """Refuse to begin what would not fit; StorageError if ``needed`` bytes are not free."""

    def folds(self, attempt: TrialAttempt, fingerprint: str) -> Sequence[FoldResult]:
        """Return the folds done so far, in order; those of other work or damaged are not."""

    def write_fold(
        self, attempt: TrialAttempt, fingerprint: str, index: int, result: FoldResult
    ) -> None:
        """Keep a fold, wholly or not at all; StorageError if the disk is full."""

    def write_result(
        self, attempt: TrialAttempt, returns: NDArray[np.float64], body: Mapping[str, Any]
    ) -> str:
        """Keep a trial's result and return its SHA-256.

        Each claim has a place of its own: a worker that was thought dead overwrites nothing.

        Raises:
            StorageError: If the disk is full; what was there stays.
        """

    def read_result(self, attempt: TrialAttempt) -> tuple[NDArray[np.float64], Mapping[str, Any]]:
        """Return returns and body of a completed attempt after verifying them.

        Raises:
            NotFound: If there is none.
            ArtefactError: If its hash is not that of the attempt.
        """

    def tidy(self, attempt: TrialAttempt) -> None:
        """Remove folds, checkpoints and other claims' leftovers of a trial that is decided."""
