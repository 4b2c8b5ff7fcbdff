"""Hostile and broken model files, each with the reason that must be given for its refusal."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from mettle.adapters.persistence.artefacts import Ed25519Keys, FolderArtefactStore
from mettle.application.learning.strict import canonical
from safetensors.numpy import load, save
from tests.support.foreign import Bomb, pickled, with_entry, zip_parts, zipped


class Canaries(Protocol):
    """What bombs would touch."""

    file: Path
    key: Path
    stolen: Path
    port: int


@dataclass(frozen=True)
class Model:
    """A sound signed model, and what a forger has at hand."""

    store: FolderArtefactStore
    strangers: FolderArtefactStore
    keys: Ed25519Keys
    folder: Path

    def path(self, name: str) -> Path:
        """Return one of its files."""
        return self.store.path("model") / name

    def weights(self, data: bytes) -> None:
        """Put other weights in place, vouched for by manifest and signature."""
        self.path("weights.safetensors").write_bytes(data)
        record = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self.manifest(lambda body: body.update(files={"weights.safetensors": record}))

    def tensors(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the tensors, as :meth:`weights` does."""
        tensors = load(self.path("weights.safetensors").read_bytes())
        change(tensors)
        self.weights(save(tensors))

    def manifest(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the manifest, with a fitting digest and signature."""
        body = json.loads(self.path("manifest.json").read_bytes())
        del body["digest"]
        change(body)
        body["digest"] = hashlib.sha256(canonical(body)).hexdigest()
        self.signed(json.dumps(body).encode())

    def signed(self, manifest: bytes) -> None:
        """Write a manifest's bytes and sign them."""
        self.path("manifest.json").write_bytes(manifest)
        self.path("signature.json").write_bytes(self.keys.sign(manifest).to_json())


def _swap(model: Model) -> None:
    shutil.copy(
        model.store.path("other") / "weights.safetensors", model.path("weights.safetensors")
    )


def _truncate(model: Model) -> None:
    data = model.path("weights.safetensors").read_bytes()
    model.weights(data[: len(data) // 2])


def _transpose(tensors: dict[str, Any]) -> None:
    tensors["0.weight"] = np.ascontiguousarray(tensors["0.weight"].T)


def _nan(tensors: dict[str, Any]) -> None:
    tensors["1.weight"][0, 0] = np.nan


def _link(model: Model) -> None:
    weights = model.path("weights.safetensors")
    weights.rename(model.folder / "outside.safetensors")
    weights.symlink_to(model.folder / "outside.safetensors")


def _tamper(model: Model) -> None:
    path = model.path("manifest.json")
    path.write_bytes(path.read_bytes().replace(b'"frames": 1024', b'"frames": 1025'))


def _replay(model: Model) -> None:
    shutil.copy(model.store.path("other") / "signature.json", model.path("signature.json"))


def _stranger(model: Model) -> None:
    for name in ("manifest.json", "weights.safetensors", "signature.json"):
        shutil.copy(model.strangers.path("other") / name, model.path(name))


def _doubled(model: Model) -> None:
    text = model.path("manifest.json").read_text()
    model.signed(text.replace('"seed":', '"seed": 9, "seed":', 1).encode())


OWN: dict[str, tuple[str, Callable[[Model], object]]] = {
    "swapped weights": ("was changed", _swap),
    "truncated safetensors": ("ends at byte", _truncate),
    "header length beyond the file": (
        "states a header of",
        lambda model: model.weights(struct.pack("<Q", 2**63) + b"{}"),
    ),
    "huge header": (
        "states a header of",
        lambda model: model.weights(struct.pack("<Q", 1 << 21) + b" " * (1 << 21)),
    ),
    "wrong dtype": (
        "must be float32",
        lambda model: model.tensors(
            lambda tensors: tensors.update({"0.bias": tensors["0.bias"].astype(np.float64)})
        ),
    ),
    "wrong shape": ("does not hold", lambda model: model.tensors(_transpose)),
    "one tensor too many": (
        "does not hold",
        lambda model: model.tensors(lambda tensors: tensors.update(more=np.zeros(3, np.float32))),
    ),
    "NaN weights": ("not finite", lambda model: model.tensors(_nan)),
    "pickle in place of weights": (
        "states a header of",
        lambda model: model.weights(pickled(Bomb(os.system, "true"))),
    ),
    "name that leaves the folder": (
        "breaks a rule",
        lambda model: model.manifest(lambda body: body.update(name="../../x")),
    ),
    "file name that leaves the folder": (
        "lists",
        lambda model: model.manifest(
            lambda body: body["files"].update({"../../.ssh/id": {"size": 1, "sha256": "0"}})
        ),
    ),
    "symlink": ("is a link", _link),
    "tampered manifest": ("not that of this manifest", _tamper),
    "replayed signature of another model": ("not that of this manifest", _replay),
    "key of a stranger": ("not trusted", _stranger),
    "no signature": ("is not signed", lambda model: model.path("signature.json").unlink()),
    "duplicate keys": ("twice", _doubled),
    "wrong feature set": (
        "feature set's hash",
        lambda model: model.manifest(lambda body: body["feature_set"].pop()),
    ),
    "absurd sizes": (
        "does not take",
        lambda model: model.manifest(lambda body: body.update(sizes=[1 << 60, 2])),
    ),
    "deep JSON": ("damaged", lambda model: model.signed(b"[" * 100_000)),
    "extra file": (
        "does not belong there",
        lambda model: model.path("policy.pkl").write_bytes(b""),
    ),
}
"""Our own format: the reason, and what spoils a sound model."""


def bombs(canaries: Canaries) -> dict[str, bytes]:
    """Return pickles that do harm where they are unpickled."""
    knock = f"__import__('socket').create_connection(('127.0.0.1', {canaries.port}), 2)"
    steal = f"open({str(canaries.stolen)!r}, 'w').write(open({str(canaries.key)!r}).read())"
    return {
        "shell": pickled(Bomb(os.system, f"touch {canaries.file}")),
        "socket": pickled(Bomb(eval, knock)),
        "key": pickled(Bomb(exec, steal)),
    }


def foreign_files(
    sound: Path, normaliser: Path, live: dict[str, bytes]
) -> dict[str, tuple[str, bytes, bytes]]:
    """Return bad pairs of zip and ``vecnormalize.pkl`` with their reasons, by name."""
    model, statistics = sound.read_bytes(), normaliser.read_bytes()
    parts = zip_parts(sound)
    attack = "which no model calls"
    return {
        "zip: bomb in its policy": (
            attack, with_entry(parts, "policy_class", live["shell"]), statistics,
        ),
        "zip: bomb where nobody looks": (
            attack, with_entry(parts, "lr_schedule", live["socket"]), statistics,
        ),
        "zip: pickle for a policy.pth": (
            "cannot be read", zipped({**parts, "policy.pth": live["key"]}), statistics,
        ),
        "zip: bomb inside a policy.pth": (
            "cannot be read", zipped({**parts, "policy.pth": _torch(Bomb(os.getpid))}), statistics,
        ),
        "zip: NaN weights": (
            "not finite", zipped({**parts, "policy.pth": _torch(None, spoil=parts)}), statistics,
        ),
        "zip: part that leaves the folder": (
            "no model has", zipped({**parts, "../../.bashrc": b"x"}), statistics,
        ),
        "zip: part of a gigabyte in a kilobyte": (
            "more than", zipped({**parts, "data": bytes(1 << 26)}), statistics,
        ),
        "zip: cut": ("no zip", model[:600], statistics),
        "zip: policy of a class of its own": (
            "only PPO and A2C", with_entry(parts, "policy_class", pickled(7)), statistics,
        ),
        "pkl: bomb that runs a shell": (attack, model, live["shell"]),
        "pkl: bomb that opens a socket": (attack, model, live["socket"]),
        "pkl: bomb that copies the key": (attack, model, live["key"]),
        "pkl: a million steps": ("steps", model, b"N0" * 500_000 + b"N."),
        "pkl: a petabyte of memory": (
            "no VecNormalize", model, pickled(Bomb(bytearray, 1 << 50)),
        ),
        "pkl: statistics of other observations": (
            "its shape is", model, statistics.replace(b"\x4b\x0b\x85", b"\x4b\x0a\x85"),
        ),
    }  # fmt: skip


def _torch(thing: object, spoil: dict[str, bytes] | None = None) -> bytes:
    """Return a ``policy.pth`` of a thing, or of the sound tensors with a NaN among them."""
    if spoil is not None:
        tensors = torch.load(io.BytesIO(spoil["policy.pth"]), weights_only=True)
        tensors["action_net.bias"][0] = float("nan")
        thing = tensors
    whole = io.BytesIO()
    torch.save(thing, whole)
    return whole.getvalue()


def hour_long_files() -> dict[str, tuple[str, bytes]]:
    """Return normalisers that only a limit stops."""
    # A tuple of two of the tuple before, sixty deep: hashing it takes 2⁶⁰ steps.
    nested = b")" + b"2\x86" * 60
    return {
        "pkl: a key that takes for ever to hash": ("", b"\x80\x02}" + nested + b"Ns."),
        "pkl: a number of sixteen million digits": (
            "",
            b"\x80\x02\x8b\x00\x00\xf0\x00" + b"\x01" * 0xF00000 + b".",
        ),
    }
