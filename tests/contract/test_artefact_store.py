"""What every artefact store keeps to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mettle.adapters.persistence.artefacts import FolderArtefactStore, MemoryArtefactStore
from mettle.application.learning.models import Models
from mettle.application.ports.artefact_store import ArtefactStore
from mettle.domain.errors import ArtefactError, InvalidValue, NotFound
from tests.support.learning import random_artefact


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtefactStore:
    """Return an empty store of each kind."""
    if request.param == "folder":
        return FolderArtefactStore(tmp_path / "models")
    return MemoryArtefactStore()


def test_a_model_comes_back_as_it_went_in(store: ArtefactStore) -> None:
    """Every weight's bits and every word of the manifest survive."""
    artefact = random_artefact()
    saved = store.save(artefact)
    loaded = store.load("model")
    assert loaded.manifest.to_json() == saved.to_json()
    assert loaded.manifest.digest == saved.digest
    assert loaded.manifest.metrics == {"mean_episode_reward": 0.1, "explained_variance": None}
    for before, after in zip(artefact.network.layers, loaded.network.layers, strict=True):
        np.testing.assert_array_equal(before.weight, after.weight)
        np.testing.assert_array_equal(before.bias, after.bias)


def test_an_empty_store_lists_nothing(store: ArtefactStore) -> None:
    """Nothing was saved, nothing is named."""
    assert list(store.names()) == []
    assert list(store.list()) == []


def test_models_are_listed_by_name(store: ArtefactStore) -> None:
    """The order of saving does not matter."""
    for name in ("b", "a", "c.2"):
        store.save(random_artefact(name))
    assert list(store.names()) == ["a", "b", "c.2"]
    assert [one.name for one in store.list()] == ["a", "b", "c.2"]


def test_a_taken_name_is_refused(store: ArtefactStore) -> None:
    """A model is never replaced by accident."""
    first = store.save(random_artefact(seed=1))
    with pytest.raises(InvalidValue, match="already"):
        store.save(random_artefact(seed=2))
    assert store.load("model").manifest.digest == first.digest


def test_a_model_is_replaced_when_asked(store: ArtefactStore) -> None:
    """The new one is there, the old one is gone."""
    store.save(random_artefact(seed=1))
    second = store.save(random_artefact(seed=2), replace=True)
    assert store.load("model").manifest.digest == second.digest
    assert list(store.names()) == ["model"]


def test_an_unknown_name_is_not_found(store: ArtefactStore) -> None:
    """The message lists what there is."""
    store.save(random_artefact("other"))
    with pytest.raises(NotFound, match="held: other"):
        store.load("model")
    with pytest.raises(NotFound):
        store.verify("model")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc", "A", "a b", "x" * 65, "-a"])
def test_a_name_that_could_leave_the_store_is_refused(store: ArtefactStore, name: str) -> None:
    """Only plain short names become folders."""
    with pytest.raises(InvalidValue, match="cannot name a model"):
        store.load(name)


def test_a_recorded_digest_pins_the_model(store: ArtefactStore) -> None:
    """Another model under the same name is not what was recorded."""
    first = store.save(random_artefact(seed=1))
    assert store.load("model", digest=first.digest).manifest.seed == 1
    store.save(random_artefact(seed=2), replace=True)
    with pytest.raises(ArtefactError, match="not the one recorded"):
        store.load("model", digest=first.digest)


def test_the_list_is_in_order_of_creation(store: ArtefactStore) -> None:
    """The use case shows the newest model last and verifies each."""
    store.save(random_artefact("newer", seed=2))
    store.save(random_artefact("older", seed=1))
    models = Models(store)
    assert [one.name for one in models.list()] == ["older", "newer"]
    assert models.show("newer").seed == 2


def test_what_was_exported_can_be_adopted_elsewhere(store: ArtefactStore, tmp_path: Path) -> None:
    """The files travel as they are; a damaged one is not taken, a taken name stays."""
    digest = store.save(random_artefact()).digest
    files = dict(store.export("model"))
    other = FolderArtefactStore(tmp_path / "other")
    assert other.adopt("model", files).digest == digest
    assert other.load("model").manifest.digest == digest
    with pytest.raises(InvalidValue, match="already"):
        store.adopt("model", files)
    files["weights.safetensors"] = b"odd"
    with pytest.raises(ArtefactError, match="was changed"):
        other.adopt("model", files, replace=True)
    assert other.load("model").manifest.digest == digest


def test_only_the_model_that_was_meant_is_removed(store: ArtefactStore) -> None:
    """One that took its name meanwhile stays."""
    first = store.save(random_artefact(seed=1))
    second = store.save(random_artefact(seed=2), replace=True)
    with pytest.raises(ArtefactError, match="not the one recorded"):
        store.remove("model", digest=first.digest)
    store.remove("model", digest=second.digest)
    assert list(store.names()) == []
    with pytest.raises(NotFound):
        store.remove("model", digest=second.digest)
