"""Use case: remove models that nothing needs, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.errors import ArtefactError, InvalidValue
from ..ports.artefact_store import ArtefactStore
from ..ports.clock import Clock
from ..ports.model_registry import ModelRegistry, Wanted
from ..ports.unit_of_work import Store
from .manifest import PolicyManifest
from .registry import ModelRecord, Origin, Sign

_HOUR = 3_600_000
_ALL_RUNS = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept beside what is referenced.

    Attributes:
        best: The best models of each study, by Sharpe ratio.
        hours: Models younger than this.
    """

    best: int = 3
    hours: float = 24.0

    def __post_init__(self) -> None:
        if self.best < 1 or not self.hours >= 0:
            raise InvalidValue(
                f"at least the best one and 0 hours are kept, was {self.best} and {self.hours}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of one model.

    Attributes:
        kept: Why it stays; "" if it is garbage.
        size: Bytes of its weights.
        removed: Whether its files are gone.
    """

    name: str
    model_id: str
    digest: str
    kept: str
    size: int = 0
    removed: bool = False


class CollectGarbage:
    """Plans by default; removes only when told to.

    A model goes only if a campaign made it, it is registered with these very files, and no alias,
    deployment, stage, run or younger model refers to it. Its record stays for good.
    """

    def __init__(
        self, store: ArtefactStore, registry: ModelRegistry, journal: Store, clock: Clock
    ) -> None:
        self._store = store
        self._registry = registry
        self._journal = journal
        self._clock = clock

    def plan(self, keeping: Keeping) -> Sequence[Verdict]:
        """Return every model held, and why it stays or goes; nothing is changed."""
        used = self._runs()
        return [self._verdict(name, keeping, used) for name in self._store.names()]

    def __call__(self, keeping: Keeping, sign: Sign) -> Sequence[Verdict]:
        """Remove what the plan calls garbage, and return the verdicts.

        Raises:
            StorageError: If something cannot be removed; what was removed before stays removed.
        """
        return [one if one.kept else self._remove(one, sign) for one in self.plan(keeping)]

    def _remove(self, verdict: Verdict, sign: Sign) -> Verdict:
        try:
            # The record first: from here on nobody can give it an alias.
            self._registry.collect(verdict.model_id, sign)
        except InvalidValue as error:
            return _kept(verdict, error.message)
        if reason := _run_of(verdict.name, verdict.digest, self._runs()):
            return _kept(verdict, reason)
        self._store.remove(verdict.name, digest=verdict.digest)
        return Verdict(
            name=verdict.name,
            model_id=verdict.model_id,
            digest=verdict.digest,
            kept="",
            size=verdict.size,
            removed=True,
        )

    def _verdict(self, name: str, keeping: Keeping, used: Sequence[tuple[str, str]]) -> Verdict:
        try:
            manifest = self._store.verify(name)
        except ArtefactError as error:
            return Verdict(name=name, model_id="", digest="", kept=f"damaged: {error.message}")
        record = next(
            (
                one
                for one in self._registry.list(Wanted(name=name))
                if one.hashes.artefact == manifest.digest
            ),
            None,
        )
        if record is None:
            reason, model_id = "not registered with these files", ""
        else:
            reason, model_id = self._reason(record, manifest, keeping, used), record.model_id
        size = sum(one.size for one in manifest.files.values())
        return Verdict(name=name, model_id=model_id, digest=manifest.digest, kept=reason, size=size)

    def _reason(
        self,
        record: ModelRecord,
        manifest: PolicyManifest,
        keeping: Keeping,
        used: Sequence[tuple[str, str]],
    ) -> str:
        reason = self._registry.held_by(record.model_id) or _run_of(
            manifest.name, manifest.digest, used
        )
        # One whose collection was cut short is garbage still, unless something needs it now.
        return reason if record.collected_at is not None else reason or self._worth(record, keeping)

    def _worth(self, record: ModelRecord, keeping: Keeping) -> str:
        """Return why a model stays that nothing refers to, "" if it does not."""
        if record.origin is not Origin.CAMPAIGN:
            return f"made by {record.origin.value}, not by a campaign"
        done = record.created_at if record.finished_at is None else record.finished_at
        if self._clock.now_ms() - done < keeping.hours * _HOUR:
            return f"younger than {keeping.hours:g} hours"
        best = self._registry.best(keeping.best, study=record.study)
        if record.model_id in {one.model_id for one in best}:
            return f"among the best {keeping.best} of study {record.study}"
        return ""

    def _runs(self) -> Sequence[tuple[str, str]]:
        """Return agent and plan of every run."""
        with self._journal.reading() as unit:
            return [(one.agent, one.plan) for one in unit.runs.latest(_ALL_RUNS)]


def _run_of(name: str, digest: str, used: Sequence[tuple[str, str]]) -> str:
    if any(name == agent or digest in plan for agent, plan in used):
        return "a run used it"
    return ""


def _kept(verdict: Verdict, reason: str) -> Verdict:
    return Verdict(
        name=verdict.name,
        model_id=verdict.model_id,
        digest=verdict.digest,
        kept=reason,
        size=verdict.size,
    )
