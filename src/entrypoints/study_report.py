"""What a campaign shows: where it stands, its trials, and whether its best is more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..application.campaign.definition import OBJECTIVE, CampaignDefinition
from ..application.campaign.records import AttemptStatus, TrialAttempt
from ..application.campaign.standing import (
    FailureClass,
    Standing,
    best_trial,
    failures,
    front,
    newest,
    standing,
)
from ..application.ports.campaign_store import Campaign
from ..domain.errors import NotFound
from ..domain.market import Timeframe
from ..domain.performance.selection import StudyVerdict, judge_study, plan_verdict
from .campaign_container import CampaignContainer

if TYPE_CHECKING:
    from .workspace import Workspace

_YEAR_MS = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class StudyReport:
    """A campaign as it stands.

    Attributes:
        attempts: All of them, by trial and attempt.
        judged: Whether the best trial can be told from luck; over all trials ever started. None
            for a function of a user's, which brings no returns.
    """

    definition: CampaignDefinition
    created_at: int
    standing: Standing
    attempts: Sequence[TrialAttempt]
    failures: Sequence[FailureClass]
    judged: StudyVerdict | None

    @property
    def verdict(self) -> StudyVerdict:
        """See ``judged``.

        Raises:
            NotFound: If there is none.
        """
        if self.judged is None:
            raise NotFound(
                f"study {self.definition.study} tries a function: it has no returns to be judged",
                mend="see report.best and report.trials",
            )
        return self.judged

    @property
    def best(self) -> TrialAttempt | None:
        """The best completed trial by the first objective."""
        return self.standing.best

    @property
    def front(self) -> Sequence[TrialAttempt]:
        """The trials that no other one beats in every objective."""
        return front(self.definition, self.attempts)

    @property
    def trials(self) -> Sequence[TrialAttempt]:
        """The newest attempt at each trial."""
        return list(newest(self.attempts).values())


def find_campaign(workspace: Workspace, study: str) -> Campaign | None:
    """Return a campaign of the workspace, or None."""
    parts = CampaignContainer(resolved=workspace.resolved)
    try:
        return parts.store().find(study)
    finally:
        parts.shutdown_resources()


def study_report(workspace: Workspace, campaign: Campaign) -> StudyReport:
    """Return a campaign with its verdict."""
    parts = CampaignContainer(resolved=workspace.resolved)
    try:
        attempts = parts.store().attempts(campaign.definition.study)
        now = workspace.container.clock().now_ms()
        return StudyReport(
            campaign.definition,
            campaign.created_at,
            standing(campaign.definition, attempts, now),
            attempts,
            failures(attempts),
            _verdict(workspace, parts, campaign.definition, attempts),
        )
    finally:
        parts.shutdown_resources()


def _verdict(
    workspace: Workspace,
    parts: CampaignContainer,
    definition: CampaignDefinition,
    attempts: Sequence[TrialAttempt],
) -> StudyVerdict | None:
    """Judge the best trial; every trial ever begun on the same bars counts."""
    if definition.agent == OBJECTIVE:
        return None
    done = [one for one in attempts if one.status is AttemptStatus.COMPLETED]
    begun = {one.number for one in attempts if one.claimed_at is not None}
    others = _begun_elsewhere(parts, definition)
    columns = [parts.files().read_result(one)[0] for one in done]
    returns = np.stack(columns, axis=1) if columns else np.empty((0, 0))
    best = best_trial(definition, done)
    chosen = None if best is None else done.index(best)
    bars = _YEAR_MS / Timeframe.parse(definition.timeframe).milliseconds
    uniforms = None
    if (plan := plan_verdict(returns, chosen)) is not None:
        stream = workspace.container.randomness().stream("verdict", definition.study)
        resamples = workspace.settings.backtest.resamples
        uniforms = stream.random((resamples, plan.draws, 2)) if resamples else None
    started = max(1, len(begun) + others)
    return judge_study(returns, started, bars, chosen=chosen, uniforms=uniforms)


def _begun_elsewhere(parts: CampaignContainer, definition: CampaignDefinition) -> int:
    """Return the trials that other studies began on the same bars: luck was sought there."""
    store = parts.store()
    return sum(
        len({one.number for one in store.attempts(other) if one.claimed_at is not None})
        for campaign in store.campaigns()
        if campaign.definition.data_hash == definition.data_hash
        and (other := campaign.definition.study) != definition.study
    )
