"""The tree of errors: codes, messages and mends."""

from __future__ import annotations

import pytest
from mettle.domain import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.MettleError, 70),
        (errors.InvalidInput, 2),
        (errors.InvalidValue, 2),
        (errors.ConfigError, 2),
        (errors.DataError, 2),
        (errors.NotFound, 3),
        (errors.NotRunning, 4),
        (errors.RefusedForSafety, 5),
        (errors.VenueError, 6),
        (errors.TimedOut, 7),
        (errors.StorageError, 1),
    ],
)
def test_every_error_has_its_exit_code(kind: type[errors.MettleError], code: int) -> None:
    """Scripts read the kind of failure off the exit code."""
    assert kind.exit_code == code
    assert issubclass(kind, errors.MettleError)


def test_the_mend_follows_the_message() -> None:
    """What is wrong comes first, what to do about it after the arrow."""
    error = errors.NotFound("no model 'x'", mend="see `mettle models list`")
    assert str(error) == "no model 'x' → see `mettle models list`"
    assert (error.message, error.mend) == ("no model 'x'", "see `mettle models list`")


def test_without_a_mend_only_the_message_is_said() -> None:
    """No arrow points at nothing."""
    assert str(errors.TimedOut("no answer in 5 s")) == "no answer in 5 s"


def test_a_wrong_value_is_a_value_error() -> None:
    """Callers who know only Python's own errors catch it too."""
    with pytest.raises(ValueError, match="was -3"):
        raise errors.InvalidValue("quantity must be positive, was -3")
