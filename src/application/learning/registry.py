"""The rows of the model registry: what was trained, how it went, and who serves.

Every time is Unix milliseconds UTC. A figure that is not defined is None.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum

from ...domain.errors import InvalidValue
from .manifest import check_name

CHAMPION = "champion"
"""Alias of the model that serves."""
CHALLENGER = "challenger"
"""Alias of the model that would replace it."""

_ERROR_LIMIT = 4_000  # characters of a message that are kept; a traceback's end tells most


class ModelStatus(Enum):
    """Where a model stands."""

    TRAINING = "training"
    COMPLETED = "completed"
    PRUNED = "pruned"
    """Ended early because it did not promise enough; it counts as a trial."""
    FAILED = "failed"
    DEPLOYED = "deployed"


class Origin(Enum):
    """What made a model."""

    TRAINING = "training"
    CAMPAIGN = "campaign"
    IMPORT = "import"


class Ranking(Enum):
    """By which figure models are ranked; the best comes first."""

    SHARPE = "sharpe"
    SHARPE_LOW = "sharpe_low"
    """The lower bound of the Sharpe ratio's interval: what is probably not luck."""
    RETURN = "total_return"
    DRAWDOWN = "max_drawdown"
    """The smallest drawdown comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured.

    Attributes:
        sharpe, sharpe_low, sharpe_high: Annualised Sharpe ratio and its interval.
        total_return: Share of the starting capital.
        max_drawdown: Share of the peak, 0 or more.
        trades: Closed trades behind the figures.
        measured_on: On what, in words, such as ``walk-forward, 6 folds``.
    """

    sharpe: float | None = None
    sharpe_low: float | None = None
    sharpe_high: float | None = None
    total_return: float | None = None
    max_drawdown: float | None = None
    trades: int | None = None
    measured_on: str = ""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise InvalidValue(f"figure {one.name} must be finite or None, was {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashes:
    """What a model was made of; "" where it is not known.

    Attributes:
        features: Of the feature set.
        data: Of the training bars.
        code: Version of the code, and its commit where there is one.
        artefact: The manifest's digest.
    """

    features: str = ""
    data: str = ""
    code: str = ""
    artefact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where its files are; "" where there are none.

    Attributes:
        artefact: The model's name in the artefact store.
        logs: Folder of TensorBoard scalars.
        checkpoints: Folder of checkpoints.
    """

    artefact: str = ""
    logs: str = ""
    checkpoints: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One attempt at a model.

    Attributes:
        model_id: Unique for good.
        name: What people call it; a replaced model leaves an older record of the same name.
        study, trial, attempt: Together unique; a trial that is tried again counts its attempts.
        hyperparameters: Plain JSON values by name.
        parents: Ids of models that it came from: retrained, converted, or members of an ensemble.
        stage: Rung of the ladder, "" before the first.
        duration_s: Of the training, in seconds.
        collected_at: When its files were removed as garbage; None while they are kept.
    """

    model_id: str
    name: str
    study: str
    trial: int
    timeframe: str
    created_at: int
    attempt: int = 0
    symbols: tuple[str, ...] = ()
    status: ModelStatus = ModelStatus.TRAINING
    origin: Origin = Origin.TRAINING
    seed: int = 0
    synthetic: bool = False
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    hashes: Hashes = Hashes()
    paths: Paths = Paths()
    figures: Figures = Figures()
    stage: str = ""
    duration_s: float | None = None
    finished_at: int | None = None
    error_class: str = ""
    error: str = ""
    collected_at: int | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.model_id or not self.study or min(self.trial, self.attempt) < 0:
            raise InvalidValue(
                f"a model needs an id, a study, a trial and an attempt, was {self.model_id!r}, "
                f"{self.study!r}, {self.trial}, {self.attempt}"
            )
        try:
            text = json.dumps(dict(self.hyperparameters), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidValue(
                f"hyperparameters of {self.name} are no plain JSON: {error}"
            ) from error
        # As a database gives them back: a tuple becomes a list.
        object.__setattr__(self, "hyperparameters", json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended: completed, pruned or failed.

    Attributes:
        error_class: By which failures are grouped, such as ``OutOfMemory``; only of a failure.
    """

    status: ModelStatus
    at: int
    duration_s: float | None = None
    figures: Figures = Figures()
    hashes: Hashes = Hashes()
    paths: Paths = Paths()
    error_class: str = ""
    error: str = ""

    def __post_init__(self) -> None:
        if self.status not in ENDED:
            raise InvalidValue(f"an attempt ends completed, pruned or failed, not {self.status}")
        if (self.status is ModelStatus.FAILED) != bool(self.error_class):
            raise InvalidValue(
                f"a failure names its class and nothing else does, was {self.error_class!r} "
                f"of an attempt that is {self.status.value}"
            )
        object.__setattr__(self, "error", self.error[-_ERROR_LIMIT:])


ENDED = (ModelStatus.COMPLETED, ModelStatus.PRUNED, ModelStatus.FAILED)
"""How an attempt can end."""

USABLE = (ModelStatus.COMPLETED, ModelStatus.DEPLOYED)
"""What has an artefact that may serve."""


class EventKind(Enum):
    """What the history of a model consists of."""

    STATUS = "status"
    STAGE = "stage"
    ALIAS = "alias"
    TRUST = "trust"
    """A person vouched for files that this workspace had not made."""
    COLLECTED = "collected"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEvent:
    """One line of a model's history.

    Attributes:
        sequence: Counts all events of the registry.
        subject: The alias, of an alias's event.
        before, after: Of an alias the ids that had it and have it; else status or stage.
        by: Person or program.
    """

    sequence: int
    model_id: str
    kind: EventKind
    at: int
    subject: str = ""
    before: str = ""
    after: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Who changes something, when and why."""

    at: int
    by: str = "mettle"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failures of one class.

    Attributes:
        attempts, trials: How many failed so.
        example: Message of the newest.
    """

    error_class: str
    attempts: int
    trials: int
    example: str
    last_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyProgress:
    """Where a study stands.

    Attributes:
        counts: Trials by the status of their newest attempt; every status is named.
        attempts: Of all trials.
    """

    study: str
    counts: Mapping[ModelStatus, int]
    attempts: int
    first_at: int
    last_at: int

    @property
    def trials(self) -> int:
        """How many trials were begun."""
        return sum(self.counts.values())


_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def check_alias(alias: str) -> str:
    """Return ``alias`` if it may be one.

    Raises:
        InvalidValue: If it holds more than small letters, digits, dash and underscore, does not
            begin with a letter, or is longer than 40 characters.
    """
    if _ALIAS.fullmatch(alias) is None:
        raise InvalidValue(
            f"{alias!r} cannot be an alias",
            mend="use 1 to 40 of a-z, 0-9, '-' and '_', beginning with a letter",
        )
    return alias
