"""Artefacts: hostile and broken model files are refused, each with its reason, and nothing runs.

Each file is read as the product reads it: our own models through the store of a workspace, files of
strangers through the import. Canaries would tell of any code that ran: a file that bombs touch, a
socket that they knock at, a key that they copy. That the bombs are live is shown by letting each
go off once in a process of its own. A sound model of each kind is read too, so that refusing
everything does not pass.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mettle.adapters.isolation import Limits
from mettle.adapters.learning.foreign.reader import IsolatedSb3Reader
from mettle.adapters.learning.policy_agent import PolicyAgent
from mettle.adapters.persistence.artefacts import Ed25519Keys, FolderArtefactStore
from mettle.domain.errors import MettleError
from tests.support.foreign import make_sound
from tests.support.learning import LAST_RETURN, random_artefact

from . import Outcome
from ._bad_artefacts import OWN, Model, bombs, foreign_files, hour_long_files

_TARGET = "0 executed, all refused with their reason, sound ones read"


@dataclass
class Tally:
    """What was tried and found."""

    tried: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def expect(self, name: str, reason: str, read: Callable[[], object]) -> None:
        """Read a bad file and hold the refusal to its reason."""
        self.tried += 1
        try:
            read()
        except MettleError as error:
            fits = reason in error.message
            self.refused += fits
            print(f"{'refused' if fits else 'REFUSED OTHERWISE'}: {name}: {error.message[:110]}")
            if not fits:
                self.wrong.append(name)
        except Exception as error:  # noqa: BLE001 - an untyped error is a finding, not a crash
            self.wrong.append(name)
            print(f"FAILED UNTYPED: {name}: {error!r}")
        else:
            self.wrong.append(name)
            print(f"ACCEPTED: {name}")


class Canaries:
    """A file, a socket and a key that nothing may touch."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "canary"
        self.key = folder / "keys" / "signing.key"
        self.stolen = folder / "stolen"
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        self.port = int(self._server.getsockname()[1])

    def sung(self) -> list[str]:
        """Return which canaries were touched, and put them back."""
        found = [one.name for one in (self.file, self.stolen) if one.exists()]
        self.file.unlink(missing_ok=True)
        self.stolen.unlink(missing_ok=True)
        try:
            while True:
                connection, _ = self._server.accept()
                connection.close()
                found.append("socket")
        except TimeoutError:
            return found

    def close(self) -> None:
        """Close the socket."""
        self._server.close()


def run(*, full: bool) -> Outcome:
    """Read every bad file; ``full`` adds those that only time or memory limits stop."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="mettle-evidence-") as text:
        folder = Path(text)
        canaries = Canaries(folder)
        try:
            spoil_our_own(folder, tally)
            _foreign(folder, canaries, tally, full=full)
            executed = canaries.sung()
            live = _set_off(canaries)
        finally:
            canaries.close()
    print(f"bombs that go off where they are unpickled: {live}")
    figure = f"{tally.refused} of {tally.tried} files refused with their reason, "
    figure += f"{len(executed)} executed"
    if tally.wrong or executed:
        figure += f" ({', '.join([*tally.wrong, *executed])})"
    holds = not tally.wrong and not executed and tally.tried >= 12 and live == len(bombs(canaries))
    return Outcome(figure, _TARGET, holds)


def spoil_our_own(folder: Path, tally: Tally) -> None:
    """Spoil a signed model in every way; ours is the strongest forger, who has the key."""
    keys = Ed25519Keys(folder / "keys")
    store = FolderArtefactStore(folder / "models", keys)
    strangers = FolderArtefactStore(folder / "theirs", Ed25519Keys(folder / "strangers"))
    for place, seed in ((store, 1), (strangers, 2)):
        place.save(random_artefact("other", seed=seed))
    for name, (reason, spoil) in OWN.items():
        store.save(random_artefact(), replace=True)
        spoil(Model(store, strangers, keys, folder))
        tally.expect(name, reason, lambda: store.load("model"))
        _clear(store.path("model"))
    store.save(random_artefact(), replace=True)
    agent = PolicyAgent(store.load("model"))  # the sound one is read
    tally.expect(
        "wrong feature set at use",
        "was trained on the features",
        lambda: agent.require(LAST_RETURN),
    )


def _clear(path: Path) -> None:
    for one in [path, *path.iterdir()] if path.is_dir() and not path.is_symlink() else [path]:
        if one.is_symlink():
            one.unlink()


def _foreign(folder: Path, canaries: Canaries, tally: Tally, *, full: bool) -> None:
    sound, normaliser = make_sound(folder / "sb3")
    reader = IsolatedSb3Reader()
    taken = reader.read(sound, normaliser)
    print(f"the sound one is read behind {', '.join(taken.protections)}")
    files = foreign_files(sound, normaliser, bombs(canaries))
    for number, (name, (reason, model, pickled)) in enumerate(files.items()):
        place = folder / f"bad-{number}"
        place.mkdir()
        (place / "model.zip").write_bytes(model)
        (place / "vecnormalize.pkl").write_bytes(pickled)
        read = partial(reader.read, place / "model.zip", place / "vecnormalize.pkl")
        tally.expect(name, reason, read)
    if full:
        hasty = IsolatedSb3Reader(Limits(seconds=20))
        for name, (reason, pickled) in hour_long_files().items():
            (folder / "slow.pkl").write_bytes(pickled)
            tally.expect(name, reason, lambda: hasty.read(sound, folder / "slow.pkl"))


def _set_off(canaries: Canaries) -> int:
    """Return how many of the bombs go off where a pickle is read as pickles are."""
    script = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    live = 0
    for bomb in bombs(canaries).values():
        subprocess.run([sys.executable, "-c", script], input=bomb, check=False, capture_output=True)
        live += bool(canaries.sung())
    return live
