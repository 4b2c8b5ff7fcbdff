"""Artefact files that were cut, changed or made up are refused with a typed error."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mettle.adapters.persistence.artefacts import FolderArtefactStore
from mettle.adapters.persistence.artefacts.codec import encode
from mettle.application.learning.models import Models
from mettle.application.learning.strict import canonical
from mettle.domain.errors import ArtefactError, MettleError, StorageError
from safetensors.numpy import load, save
from tests.support.learning import random_artefact

Manifest = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> FolderArtefactStore:
    """Return a store that holds ``model``."""
    store = FolderArtefactStore(tmp_path / "models")
    store.save(random_artefact())
    return store


def weights_file(store: FolderArtefactStore) -> Path:
    """Return the weights of ``model``."""
    return store.path("model") / "weights.safetensors"


def sign(store: FolderArtefactStore, change: Callable[[Manifest], object]) -> None:
    """Change the manifest and give it a fitting digest, as a forger would."""
    path = store.path("model") / "manifest.json"
    body = json.loads(path.read_bytes())
    del body["digest"]
    change(body)
    body["digest"] = hashlib.sha256(canonical(body)).hexdigest()
    path.write_text(json.dumps(body))


def forge_weights(store: FolderArtefactStore, data: bytes) -> None:
    """Put other weights in place and make the manifest vouch for them."""
    weights_file(store).write_bytes(data)
    record = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    sign(store, lambda body: body.update(files={"weights.safetensors": record}))


def refuse(store: FolderArtefactStore, message: str) -> None:
    """Assert that loading and verifying are refused, and that the list says so too."""
    for read in (store.load, store.verify):
        with pytest.raises(ArtefactError, match=message):
            read("model")
    lines = Models(store).list()
    assert [one.manifest for one in lines] == [None]
    assert lines[0].problem


def test_every_single_bit_of_the_files_counts(store: FolderArtefactStore) -> None:
    """A bit flipped anywhere is found (every byte of the head, then a sample)."""
    for path in store.path("model").iterdir():
        sound = path.read_bytes()
        for at in [*range(200), *range(200, len(sound), 37), len(sound) - 1]:
            broken = bytearray(sound)
            broken[at] ^= 1 << (at % 8)
            path.write_bytes(broken)
            try:
                loaded = store.load("model")
            except ArtefactError:
                continue
            # White space between the manifest's keys carries nothing.
            assert path.suffix == ".json", f"byte {at} of {path.name}"
            assert loaded.manifest.digest == json.loads(sound)["digest"]
        path.write_bytes(sound)
    assert store.load("model").manifest.name == "model"


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, -1])
def test_truncated_files_are_refused(store: FolderArtefactStore, keep: int) -> None:
    """A cut weights file, and a cut manifest, are named as changed or damaged."""
    for path in store.path("model").iterdir():
        sound = path.read_bytes()
        path.write_bytes(sound[:keep] if keep >= 0 else sound[: len(sound) // 2])
        refuse(store, "changed|damaged")
        path.write_bytes(sound)


def test_missing_files_are_refused(store: FolderArtefactStore) -> None:
    """A folder without its files is damaged, not absent."""
    weights_file(store).unlink()
    refuse(store, "weights.safetensors is missing")
    (store.path("model") / "manifest.json").unlink()
    refuse(store, "manifest.json is missing")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(format_version=2), "format 2"),
        (lambda b: b.update(format_version=True), "format_version must be int"),
        (lambda b: b.update(observation="other"), "observation layout"),
        (lambda b: b.update(unknown=1), "unknown is unknown"),
        (lambda b: b.pop("seed"), "seed is missing"),
        (lambda b: b.update(seed="1"), "seed must be int"),
        (lambda b: b.update(seed=1.0), "seed must be int"),
        (lambda b: b.update(name="other"), "that of 'other'"),
        (lambda b: b.update(name="../../x"), "breaks a rule"),
        (lambda b: b.update(timeframe="7h"), "breaks a rule"),
        (lambda b: b.update(period=[1]), "breaks a rule"),
        (lambda b: b["feature_set"].pop(), "feature set's hash"),
        (lambda b: b.update(feature_set=[[1, 2]]), "breaks a rule"),
        (lambda b: b.update(feature_set=[["rsi", [14], "odd"]]), "breaks a rule"),
        (lambda b: b["settings"].pop("slippage"), "settings.slippage is missing"),
        (lambda b: b["settings"].update(slippage=0.5), "settings.slippage must be int"),
        (lambda b: b["settings"].update(slippage=-5), "market settings"),
        (lambda b: b["settings"].update(scheme=9), "market settings|breaks a rule"),
        (lambda b: b["settings"].update(odd=9), "settings.odd is unknown"),
        (lambda b: b["ppo"].update(odd=9), "ppo.odd is unknown"),
        (lambda b: b["ppo"].update(hidden=["a"]), "whole numbers"),
        (lambda b: b["scaler"]["mean"].pop(), "breaks a rule|scaler"),
        (lambda b: b["scaler"].update(mean="x"), "breaks a rule|scaler"),
        (lambda b: b["instruments"].pop(), "scaler's shape"),
        (lambda b: b["instruments"][0].update(symbol="nothing"), "breaks a rule"),
        (lambda b: b["instruments"].append(7), "must be an object"),
        (lambda b: b.update(window=2), "does not take"),
        (lambda b: b.update(sizes=[19, 9, 6, 2]), "does not hold"),
        (lambda b: b.update(sizes=[]), "does not take"),
        (lambda b: b.update(activation="sigmoid"), "activation"),
        (lambda b: b.update(metrics={"a": "b"}), "metrics.a must be float"),
        (lambda b: b.update(files={}), "lists"),
        (lambda b: b["files"].update({"../../etc/passwd": {"size": 1, "sha256": ""}}), "lists"),
        (
            lambda b: b.update(files={"policy.pkl": b["files"]["weights.safetensors"]}),
            "lists",
        ),
        (lambda b: b["files"]["weights.safetensors"].update(size=1), "was changed"),
        (lambda b: b["files"]["weights.safetensors"].update(sha256="é"), "was changed"),
        (lambda b: b["files"]["weights.safetensors"].update(odd=1), "odd is unknown"),
    ],
)
def test_a_forged_manifest_is_refused(
    store: FolderArtefactStore, change: Callable[[Manifest], object], message: str
) -> None:
    """Even with a fitting digest every key is known, typed and consistent with the others."""
    sign(store, change)
    refuse(store, message)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        '{"digest": 1e999}',
        "\xff",
    ],
)
def test_a_manifest_that_is_no_manifest_is_refused(store: FolderArtefactStore, text: str) -> None:
    """Other JSON, doubled keys, NaN, depth beyond reason and broken text end the same way."""
    (store.path("model") / "manifest.json").write_bytes(text.encode("latin-1"))
    refuse(store, "manifest")


def test_weights_of_other_shapes_are_refused(store: FolderArtefactStore) -> None:
    """A transposed, renamed, added or dropped tensor does not pass for the stated one."""
    sound = load(weights_file(store).read_bytes())
    first = sound["0.weight"]
    for change in (
        {"0.weight": np.ascontiguousarray(first.T)},
        {"0.weight": first.reshape(-1)},
        {"9.weight": first},
    ):
        forge_weights(store, save({**sound, **change}))
        refuse(store, "does not hold")
    forge_weights(store, save({name: one for name, one in sound.items() if name != "0.bias"}))
    refuse(store, "does not hold")


def test_weights_of_another_type_are_refused(store: FolderArtefactStore) -> None:
    """Doubles are not converted silently."""
    sound = load(weights_file(store).read_bytes())
    forge_weights(store, save({**sound, "0.bias": sound["0.bias"].astype(np.float64)}))
    refuse(store, "must be float32")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(store: FolderArtefactStore, bad: float) -> None:
    """A policy that cannot decide is not loaded."""
    sound = load(weights_file(store).read_bytes())
    spoilt = sound["1.weight"].copy()
    spoilt[0, 0] = bad
    forge_weights(store, save({**sound, "1.weight": spoilt}))
    refuse(store, "not finite")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 8,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 10**9) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"}{",
        struct.pack("<Q", 15) + b'{"a":{},"a":{}}',
        struct.pack("<Q", 100) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        b"\x80\x04\x95" + b"cos\nsystem\n" * 4,
    ],
)
def test_weights_that_are_no_safetensors_are_refused(
    store: FolderArtefactStore, data: bytes
) -> None:
    """Huge headers, empty files, garbage and pickles end in the same typed error."""
    forge_weights(store, data)
    refuse(store, "header|no safetensors|does not hold")


def test_tensors_that_overlap_or_leave_gaps_are_refused(store: FolderArtefactStore) -> None:
    """Every byte belongs to one tensor: nothing is read twice, nothing rides along."""
    sound = weights_file(store).read_bytes()
    length = int.from_bytes(sound[:8], "little")
    header, body = json.loads(sound[8 : 8 + length]), sound[8 + length :]
    first, second = header["0.bias"]["data_offsets"], header["1.bias"]["data_offsets"]
    for change, data in (
        ({}, body + b"1234"),
        ({}, body[:-4]),
        ({"1.bias": [first[0], first[0] + second[1] - second[0]]}, body),
        ({"0.bias": [-4, first[1] - first[0] - 4]}, body),
        ({"0.bias": [first[0], first[1] + 4]}, body),
    ):
        changed = {
            name: {**one, "data_offsets": change.get(name, one["data_offsets"])}
            for name, one in header.items()
        }
        text = json.dumps(changed).encode()
        forge_weights(store, struct.pack("<Q", len(text)) + text + data)
        refuse(store, "overlap|gap|ends at|belong to no tensor|not its size")
    text = json.dumps({**header, "__metadata__": {"note": "x"}}).encode()
    forge_weights(store, struct.pack("<Q", len(text)) + text + body)
    refuse(store, "does not hold")


def test_a_link_in_the_place_of_a_file_is_refused(
    store: FolderArtefactStore, tmp_path: Path
) -> None:
    """What lies outside the folder is not read, even if its bytes are right."""
    path = weights_file(store)
    outside = tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    refuse(store, "is a link")


def test_a_link_in_the_place_of_the_folder_is_refused(
    store: FolderArtefactStore, tmp_path: Path
) -> None:
    """The folder itself must lie in the store."""
    outside = tmp_path / "outside"
    store.path("model").rename(outside)
    store.path("model").symlink_to(outside)
    refuse(store, "is a link")


def test_a_pipe_in_the_place_of_a_file_is_refused(store: FolderArtefactStore) -> None:
    """The reader does not wait for a writer that never comes."""
    weights_file(store).unlink()
    os.mkfifo(weights_file(store))
    refuse(store, "not a regular file")


def test_a_failed_save_leaves_the_old_model(
    store: FolderArtefactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full in the middle, the store is as it was, with no litter."""
    before = store.load("model").manifest.digest

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        store.save(random_artefact(seed=9), replace=True)
    monkeypatch.undo()
    assert store.load("model").manifest.digest == before
    assert [one.name for one in (tmp_path / "models").iterdir()] == ["model"]


def test_a_replacement_cut_between_its_renames_is_mended(store: FolderArtefactStore) -> None:
    """The model that was set aside is found again under its name."""
    path = store.path("model")
    path.rename(path.with_name(".model.replaced"))
    assert list(store.names()) == ["model"]
    assert store.load("model").manifest.name == "model"
    assert [one.name for one in path.parent.iterdir()] == ["model"]


def test_leftovers_of_a_killed_save_are_cleared(store: FolderArtefactStore) -> None:
    """A temporary folder is no model, and the next save removes it."""
    stale = store.path("model").with_name(".model.abc.tmp")
    stale.mkdir()
    assert list(store.names()) == ["model"]
    store.save(random_artefact(seed=3), replace=True)
    assert not stale.exists()


def test_the_files_of_a_policy_are_the_same_every_time() -> None:
    """Saving is a function of the artefact: no time, no order, no randomness."""
    assert encode(random_artefact())[1] == encode(random_artefact())[1]


def test_every_refusal_is_of_the_one_tree() -> None:
    """A caller that catches MettleError catches them all, with exit code 2."""
    assert issubclass(ArtefactError, MettleError)
    assert ArtefactError.exit_code == 2
