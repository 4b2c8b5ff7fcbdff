"""Files of the evidence `artefacts`: all of our format, and the live bombs of strangers."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import pytest
from evidence._bad_artefacts import bombs, foreign_files
from evidence.artefacts import Canaries, Tally, spoil_our_own
from mettle.adapters.isolation import landlock, seccomp
from mettle.adapters.learning.foreign.reader import IsolatedSb3Reader
from tests.support.foreign import make_sound

CHOSEN = ("zip: bomb where nobody looks", "zip: bomb inside a policy.pth", "pkl: bomb that copies")


def test_every_bad_model_of_our_format_is_refused(tmp_path: Path) -> None:
    """Each with its reason, the forger having the key."""
    tally = Tally()
    spoil_our_own(tmp_path, tally)
    assert tally.wrong == []
    assert tally.tried == tally.refused >= 20


@pytest.mark.skipif(
    landlock.version() < landlock.LEAST or not seccomp.supported(),
    reason="this kernel cannot lock a process in, so `models import` refuses foreign models",
)
def test_bombs_do_not_go_off(tmp_path: Path) -> None:
    """No file, no socket and no key is touched by what a stranger's file has called."""
    canaries, tally, reader = Canaries(tmp_path), Tally(), IsolatedSb3Reader()
    (tmp_path / "keys").mkdir()
    canaries.key.write_text("secret")
    sound, normaliser = make_sound(tmp_path / "sb3")
    files = foreign_files(sound, normaliser, bombs(canaries))
    for name, (reason, model, pickled) in files.items():
        if name.startswith(CHOSEN):
            (tmp_path / "m.zip").write_bytes(model)
            (tmp_path / "v.pkl").write_bytes(pickled)
            read = partial(reader.read, tmp_path / "m.zip", tmp_path / "v.pkl")
            tally.expect(name, reason, read)
    assert (tally.wrong, tally.refused) == ([], len(CHOSEN))
    assert canaries.sung() == []
    with socket.create_connection(("127.0.0.1", canaries.port), 2):
        assert canaries.sung() == ["socket"]  # so that a canary could have sung
    canaries.close()
