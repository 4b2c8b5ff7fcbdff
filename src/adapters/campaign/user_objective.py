"""A user's own function of an Optuna trial, as what judges a trial of a campaign."""

from __future__ import annotations

import hashlib
import math
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from ...application.campaign.life import LeaseLost, TrialStopped
from ...application.campaign.objective import Measured, TrialPruned, TrialWork
from ...application.campaign.records import Footprint
from ...domain.errors import (
    ArtefactError,
    InvalidValue,
    MettleError,
    NotFound,
    TrainingDiverged,
)
from ..persistence.folders import read_folder, write_folder
from .optuna_book import OptunaBook, translated
from .user_function import UserFunction

WHOLE = Footprint(8, 8)
"""Of a first attempt; each one after running out of memory has half of it."""

_MISTAKES = (TypeError, ValueError, NameError, AttributeError, LookupError, ImportError,
             AssertionError, NotImplementedError, SyntaxError)  # fmt: skip
"""What a program that is wrong raises: the next attempt would do the same."""

_STATE, _HASH = "state", "sha256"
_LIMIT = 1 << 40


class CampaignTrial(optuna.Trial):
    """A trial of Optuna's, with what an attempt at it needs to go on where an earlier one ended.

    A function that knows nothing of this works all the same. ``report`` also looks whether the
    attempt may go on.
    """

    def __init__(self, study: optuna.Study, trial_id: int, work: TrialWork) -> None:
        super().__init__(study, trial_id)
        self._work = work
        self.last: tuple[int, float] | None = None

    @property
    def name(self) -> str:
        """Name of the trial in its study, and in the registry."""
        return self._work.attempt.lineage

    @property
    def attempt(self) -> int:
        """Which attempt at the trial this is, from 1."""
        return self._work.attempt.attempt

    @property
    def seed(self) -> int:
        """The same after a crash, another one after a value that was not finite."""
        return self._work.seed

    @property
    def scale(self) -> float:
        """1, and half as much after each time that memory ran out: for batches and the like."""
        return self._work.attempt.footprint.environments / WHOLE.environments

    @property
    def folder(self) -> Path:
        """A folder of the trial's, kept over attempts and emptied when it is over."""
        place = self._work.files.folder(self._work.attempt) / "work"
        place.mkdir(parents=True, exist_ok=True)
        return place

    def check(self) -> None:
        """Return if the attempt may go on; call it now and then, it costs nothing.

        Raises:
            TrialStopped: A ``KeyboardInterrupt``: the campaign is to stop.
            LeaseLost: If the trial has been given to another worker.
            TimedOut: If its time is up.
        """
        self._work.check()

    def report(self, value: float, step: int) -> None:
        """Tell Optuna an intermediate value, which it prunes by."""
        super().report(value, step)
        if math.isfinite(value):
            self.last = (step, float(value))
        self.check()

    def save(self, state: bytes) -> None:
        """Keep a checkpoint in the place of the last one, wholly or not at all.

        Raises:
            StorageError: If the disk is full; the last one stays.
            LeaseLost: If the trial is another worker's by now.
        """
        self.check()
        digest = hashlib.sha256(state).hexdigest().encode()
        write_folder(self._kept, {_STATE: state, _HASH: digest})

    def load(self) -> bytes | None:
        """Return the last checkpoint; None if there is none, or it is damaged."""
        try:
            found = read_folder(self._kept, {_STATE: _LIMIT, _HASH: 64})
        except (NotFound, ArtefactError):
            return None
        state = found.get(_STATE, b"")
        sound = found.get(_HASH) == hashlib.sha256(state).hexdigest().encode()
        return state if sound else None

    @property
    def _kept(self) -> Path:
        return self._work.files.folder(self._work.attempt) / "checkpoint"


class UserObjective:
    """See :class:`~mettle.application.campaign.objective.Objective`."""

    def __init__(self, function: UserFunction, book: OptunaBook) -> None:
        self._function = function
        self._book = book
        self._inside = False

    def interrupt(self) -> None:
        """Lay down the function at once, from a signal handler; nothing if it does not run."""
        if self._inside:
            raise TrialStopped("the worker was asked to stop")

    def __call__(self, work: TrialWork) -> Measured:
        """See the protocol."""
        trial = CampaignTrial(*self._book.live(work.definition, work.attempt.number), work)
        try:
            answer = self._ask(trial)
        except optuna.TrialPruned:
            if trial.last is not None:
                work.report(*trial.last)
            raise TrialPruned(trial.name) from None
        except (MettleError, LeaseLost):
            raise
        except _MISTAKES as error:
            place = _write_trace(work, error)
            raise InvalidValue(f"{type(error).__name__}: {error}", mend=f"see {place}") from error
        except Exception as error:
            _write_trace(work, error)
            raise
        finally:
            work.note(dict(trial.params))
        work.check()
        values = _values(answer, work.definition.objectives)
        figures = dict(zip(work.definition.objectives, values, strict=True))
        attributes = {name: one for name, one in trial.user_attrs.items() if name != "lineage"}
        body = {"parameters": dict(trial.params), "attributes": attributes}
        return Measured(np.empty(0), figures, body)

    def space_needed(self) -> int:
        """Return 0: what a function writes is not known."""
        return 0

    def _ask(self, trial: CampaignTrial) -> Any:
        with translated():
            self._inside = True
            try:
                return self._function(trial)
            finally:
                self._inside = False


def _values(answer: Any, names: Sequence[str]) -> list[float]:
    listed = list(answer) if isinstance(answer, Sequence | np.ndarray) else [answer]
    try:
        values = [float(one) for one in listed]
    except (TypeError, ValueError):
        values = []
    if len(values) != len(names):
        raise InvalidValue(
            f"the function returned {answer!r}, it should return {len(names)} numbers: "
            f"{', '.join(names)}",
            mend="name what it returns in direction={…}",
        )
    if wrong := [one for one in values if not math.isfinite(one)]:
        raise TrainingDiverged(f"the function returned {wrong[0]}, which is not finite")
    return values


def _write_trace(work: TrialWork, error: Exception) -> Path:
    attempt = work.attempt
    place = work.files.folder(attempt) / "logs" / f"attempt-{attempt.attempt:02d}.txt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return place
