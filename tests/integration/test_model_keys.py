"""Models are signed with a key that is not theirs, and unsigned ones are believed by nobody."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from mettle.adapters.persistence.artefacts import Ed25519Keys, FolderArtefactStore
from mettle.application.learning.signature import Signature
from mettle.domain.errors import ArtefactError, ConfigError
from tests.support.learning import random_artefact


@pytest.fixture
def keys(tmp_path: Path) -> Ed25519Keys:
    """Return the keys of a workspace."""
    return Ed25519Keys(tmp_path / "keys")


@pytest.fixture
def store(tmp_path: Path, keys: Ed25519Keys) -> FolderArtefactStore:
    """Return a store that holds ``model``, signed."""
    store = FolderArtefactStore(tmp_path / "models", keys)
    store.save(random_artefact())
    return store


def signature_file(store: FolderArtefactStore) -> Path:
    """Return the signature of ``model``."""
    return store.path("model") / "signature.json"


def test_the_key_is_readable_by_its_owner_alone(keys: Ed25519Keys) -> None:
    """It is made once, with 0600 in a folder of 0700, and is not overwritten."""
    public = keys.make()
    private = keys.folder / "signing.key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    text = private.read_text()
    assert keys.make() == public == Ed25519Keys(keys.folder).public()
    assert private.read_text() == text
    assert keys.trusted() == {public: "own"}


def test_a_key_that_others_can_read_is_not_used(
    store: FolderArtefactStore, keys: Ed25519Keys
) -> None:
    """Nor one that is damaged; its text is never in the message."""
    private = keys.folder / "signing.key"
    text = private.read_text().strip()
    keys.check()
    private.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        store.save(random_artefact("other"))
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.check()
    private.chmod(0o600)
    private.write_text(text[:-1])
    with pytest.raises(ConfigError, match="64 hexadecimal") as caught:
        store.save(random_artefact("other"))
    assert text[:-1] not in str(caught.value)
    # Who only reads models needs no private key.
    private.unlink()
    keys.check()
    assert store.load("model").manifest.name == "model"


def test_no_signature_no_model(store: FolderArtefactStore) -> None:
    """A model that was put into the folder by hand says how it can be trusted."""
    signature_file(store).unlink()
    with pytest.raises(ArtefactError, match="is not signed") as caught:
        store.load("model")
    assert "mettle models trust model" in caught.value.mend
    store.trust("model")
    assert store.load("model").manifest.name == "model"


def test_a_strangers_signature_does_not_count(
    store: FolderArtefactStore, keys: Ed25519Keys, tmp_path: Path
) -> None:
    """Until its key is trusted, or the model is."""
    strangers = Ed25519Keys(tmp_path / "strangers")
    theirs = FolderArtefactStore(tmp_path / "their-models", strangers)
    theirs.save(random_artefact("foreign"))
    files = theirs.export("foreign")
    with pytest.raises(ArtefactError, match="key that is not trusted"):
        store.adopt("foreign", files)
    keys.trust(strangers.public(), "a-friend")
    assert store.adopt("foreign", files).name == "foreign"
    assert keys.trusted()[strangers.public()] == "a-friend"
    with pytest.raises(ConfigError, match="another key is called"):
        keys.trust(keys.public(), "a-friend")
    with pytest.raises(ConfigError, match="no public key"):
        keys.trust("odd", "name")


def test_a_trusted_model_is_signed_as_ours(store: FolderArtefactStore, tmp_path: Path) -> None:
    """Its other checks are made all the same."""
    theirs = FolderArtefactStore(tmp_path / "their-models", Ed25519Keys(tmp_path / "strangers"))
    theirs.save(random_artefact("foreign"))
    files = dict(theirs.export("foreign"))
    with pytest.raises(ArtefactError, match="manifest is that of 'foreign'"):
        store.adopt("other", files, trust=True)
    store.adopt("foreign", files, trust=True)
    assert store.load("foreign").manifest.name == "foreign"


def test_another_models_signature_says_nothing(store: FolderArtefactStore) -> None:
    """Not that of another model, nor that of an earlier one of the same name."""
    store.save(random_artefact("other", seed=1))
    own = signature_file(store).read_bytes()
    other = (store.path("other") / "signature.json").read_bytes()
    store.save(random_artefact(seed=2), replace=True)
    for replayed in (own, other):
        signature_file(store).write_bytes(replayed)
        with pytest.raises(ArtefactError, match="not that of this manifest"):
            store.load("model")


def test_every_bit_of_a_signature_counts(store: FolderArtefactStore) -> None:
    """A changed digit of the key or of the value, another algorithm, a doubled key, a pickle."""
    sound = json.loads(signature_file(store).read_bytes())
    for name in ("key", "signature"):
        for at in (0, 1, 31, 63):
            digits = sound[name]
            changed = digits[:at] + ("0" if digits[at] != "0" else "1") + digits[at + 1 :]
            signature_file(store).write_text(json.dumps({**sound, name: changed}))
            with pytest.raises(ArtefactError):
                store.load("model")
    text = json.dumps(sound)
    for broken in (
        json.dumps({**sound, "algorithm": "none"}),
        json.dumps({**sound, "version": 2}),
        json.dumps({**sound, "more": 1}),
        json.dumps({**sound, "key": ""}),
        text[:-1] + f', "key": "{sound["key"]}"' + "}",
        "\x80\x04cos\nsystem\n",
        "x" * 5_000,
    ):
        signature_file(store).write_text(broken, encoding="latin-1")
        with pytest.raises(ArtefactError):
            store.load("model")
    signature_file(store).write_text(text)
    assert store.load("model").manifest.name == "model"


def test_the_signature_is_checked_before_the_manifest_is_read(store: FolderArtefactStore) -> None:
    """What nobody vouches for reaches no parser but that of the signature."""
    (store.path("model") / "manifest.json").write_bytes(b"[" * 100_000)
    with pytest.raises(ArtefactError, match="not that of this manifest"):
        store.load("model")


def test_a_file_that_does_not_belong_there_is_refused(store: FolderArtefactStore) -> None:
    """Not even an empty one, a folder or a link."""
    makers: tuple[Callable[[Path], object], ...] = (
        lambda path: path.write_bytes(b""),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("/etc/passwd"),
    )
    for make in makers:
        extra = store.path("model") / "policy.pkl"
        make(extra)
        with pytest.raises(ArtefactError, match="does not belong there"):
            store.load("model")
        extra.rmdir() if extra.is_dir() else extra.unlink()
    assert store.load("model").manifest.name == "model"


def test_a_signature_is_read_as_it_was_written() -> None:
    """And nothing but hexadecimal digits is one."""
    made = Signature("a" * 64, "b" * 128)
    assert Signature.from_json(made.to_json()) == made
    with pytest.raises(ArtefactError, match="hexadecimal"):
        Signature("a" * 63, "b" * 128)
