"""The one tree of errors.

    MettleError                  70  a defect of ours, unless a subclass says otherwise
    ├── InvalidInput              2  a value, file or setting breaks a rule
    │   ├── InvalidValue          2  one argument
    │   ├── ConfigError           2  the settings
    │   ├── DataError             2  a file or a series of bars
    │   │   └── ArtefactError     2  a model's files: damaged, changed, or of another kind
    │   └── TrainingDiverged      2  the training's settings drove it out of the finite numbers
    ├── NotFound                  3  a named thing does not exist
    ├── NotRunning                4  a session that should run does not
    ├── RefusedForSafety          5  allowed by nobody, or not without confirmation
    ├── VenueError                6  the venue or the network failed
    ├── TimedOut                  7  no answer in time; the outcome is unknown
    └── StorageError              1  the disk or the database cannot take it

Every message names the value, the rule that it breaks and, in ``mend``, what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class MettleError(Exception):
    """Root of every error that mettle raises on purpose.

    Args:
        message: What is wrong, with the offending value and the rule.
        mend: The action or command that puts it right; empty if there is none.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message} → {self.mend}" if self.mend else self.message


class InvalidInput(MettleError):
    """Something given to us breaks a rule."""

    exit_code = 2


class InvalidValue(InvalidInput, ValueError):
    """One argument breaks a rule."""


class ConfigError(InvalidInput):
    """The settings break a rule."""


class DataError(InvalidInput):
    """A file or a series of bars breaks a rule."""


class ArtefactError(DataError):
    """A model's files are damaged, were changed, or do not fit what they are used for."""


class TrainingDiverged(InvalidInput):
    """A loss or a weight of a training run is no longer finite."""


class NotFound(MettleError):
    """A named thing does not exist."""

    exit_code = 3


class NotRunning(MettleError):
    """The session that should be running is not."""

    exit_code = 4


class RefusedForSafety(MettleError):
    """The action would raise risk without what that needs."""

    exit_code = 5


class VenueError(MettleError):
    """The venue or the network failed."""

    exit_code = 6


class TimedOut(MettleError):
    """No answer came in time; the outcome is unknown, not negative."""

    exit_code = 7


class StorageError(MettleError):
    """The disk or the database cannot take what was to be written."""

    exit_code = 1
