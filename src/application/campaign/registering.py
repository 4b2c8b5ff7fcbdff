"""Between a campaign's attempts and the model registry."""

from __future__ import annotations

from contextlib import suppress

from ...domain.errors import InvalidValue, NotFound
from ..learning.registry import (
    Ending,
    Figures,
    Hashes,
    ModelRecord,
    ModelStatus,
    Origin,
    Paths,
)
from ..ports.model_registry import ModelRegistry
from .definition import OBJECTIVE, PPO, CampaignDefinition
from .records import AttemptStatus, TrialAttempt

_STATUS = {
    AttemptStatus.COMPLETED: ModelStatus.COMPLETED,
    AttemptStatus.PRUNED: ModelStatus.PRUNED,
    AttemptStatus.FAILED: ModelStatus.FAILED,
}


def model_id(attempt: TrialAttempt) -> str:
    """Return the registry's id of an attempt: the same for whoever asks."""
    return f"{attempt.lineage}.{attempt.attempt}"


class RegistryRegister:
    """See :class:`~.publish.AttemptRegister`.

    Args:
        annual: √(bars a year): the registry ranks annualised ratios.
    """

    def __init__(self, registry: ModelRegistry, annual: float, code_version: str) -> None:
        self._registry = registry
        self._annual = annual
        self._code = code_version

    def began(self, definition: CampaignDefinition, attempt: TrialAttempt) -> None:
        """See the protocol."""
        if definition.agent == OBJECTIVE and attempt.status is AttemptStatus.RUNNING:
            return  # a function draws its parameters as it goes: it is recorded when it has
        if not self._known(attempt):
            try:
                self._registry.register(self._record(definition, attempt))
            except InvalidValue:
                if not self._known(attempt):  # else two have told it at once
                    raise

    def ended(self, definition: CampaignDefinition, attempt: TrialAttempt) -> None:
        """See the protocol; an attempt whose worker died before it registered is registered now."""
        self.began(definition, attempt)
        failed = attempt.status is AttemptStatus.FAILED
        ending = Ending(
            status=_STATUS[attempt.status],
            at=attempt.ended_at or 0,
            duration_s=attempt.seconds,
            figures=self._figures(definition, attempt),
            hashes=Hashes(artefact=attempt.digest),
            paths=self._paths(definition, attempt),
            error_class=attempt.error_class if failed else "",
            error=attempt.error,
        )
        if self._registry.get(model_id(attempt)).status is ModelStatus.TRAINING:
            self._registry.finish(model_id(attempt), ending)

    def _known(self, attempt: TrialAttempt) -> bool:
        with suppress(NotFound):
            self._registry.get(model_id(attempt))
            return True
        return False

    def _record(self, definition: CampaignDefinition, attempt: TrialAttempt) -> ModelRecord:
        return ModelRecord(
            model_id=model_id(attempt),
            name=attempt.lineage,
            study=definition.study,
            trial=attempt.number,
            attempt=attempt.attempt,
            timeframe=definition.timeframe,
            symbols=definition.symbols,
            created_at=attempt.claimed_at or 0,
            origin=Origin.CAMPAIGN,
            seed=definition.seed,
            hyperparameters={"agent": definition.agent, **attempt.parameters},
            hashes=Hashes(data=definition.data_hash, code=self._code),
            paths=Paths(checkpoints=attempt.checkpoint),
        )

    def _figures(self, definition: CampaignDefinition, attempt: TrialAttempt) -> Figures:
        found = attempt.figures
        sharpe, trades = found.get("sharpe"), found.get("trades")
        if attempt.status is not AttemptStatus.COMPLETED:
            return Figures()
        if definition.agent == OBJECTIVE:
            said = (f"{name} {found[name]:.6g}" for name in definition.objectives)
            return Figures(measured_on=", ".join(said))
        return Figures(
            sharpe=None if sharpe is None else sharpe * self._annual,
            total_return=found.get("total_return"),
            max_drawdown=found.get("drawdown"),
            trades=None if trades is None else int(trades),
            measured_on=f"walk-forward, {definition.folds} folds",
        )

    def _paths(self, definition: CampaignDefinition, attempt: TrialAttempt) -> Paths:
        made = attempt.status is AttemptStatus.COMPLETED and definition.agent == PPO
        return Paths(artefact=attempt.lineage if made else "", checkpoints=attempt.checkpoint)
