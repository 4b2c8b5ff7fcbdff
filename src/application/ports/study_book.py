"""The sampler's memory of a study, as a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..campaign.definition import CampaignDefinition
from ..campaign.records import AttemptStatus
from ..campaign.space import Space


class StudyBook(Protocol):
    """Parameters and results of a study's trials. Adapter: Optuna's own database.

    Safe for many processes. Every call may be repeated: it then changes nothing.
    """

    def prepare(self, definition: CampaignDefinition) -> None:
        """Make the study with its waiting trials, where it lacks them.

        Raises:
            ConfigError: If there is one of that name with other objectives.
        """

    def begin(self, definition: CampaignDefinition, number: int, space: Space) -> dict[str, object]:
        """Return the parameters of a trial, drawn at the first call."""

    def report(self, study: str, number: int, fold: int, score: float) -> None:
        """Write down how one fold went."""

    def best_folds(self, study: str) -> Sequence[float]:
        """Return the fold scores of the best completed trial; none before there is one."""

    def tell(
        self,
        definition: CampaignDefinition,
        number: int,
        status: AttemptStatus,
        values: Sequence[float] | None,
        parameters: Mapping[str, object],
    ) -> None:
        """Write down how a trial ended; ``values`` of a completed one, an objective each."""

    def endings(self, study: str) -> Mapping[int, AttemptStatus]:
        """Return where each trial stands, as the study sees it; NotFound without a study."""

    def close(self) -> None:
        """Release connections."""
