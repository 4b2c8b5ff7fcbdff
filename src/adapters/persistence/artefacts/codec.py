"""A policy as the bytes of its two files, and back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ....application.learning.artefact import (
    DenseLayer,
    FileRecord,
    Network,
    PolicyArtefact,
    PolicyManifest,
)
from ....domain.errors import ArtefactError, DataError

MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"

MANIFEST_LIMIT = 16 << 20
WEIGHTS_LIMIT = 1 << 30
_HEADER_LIMIT = 1 << 20  # of the safetensors header; a policy's has some hundred bytes


def encode(artefact: PolicyArtefact) -> tuple[PolicyManifest, dict[str, bytes]]:
    """Return the manifest with the files' hashes, and every file by name."""
    tensors: dict[str, NDArray[np.float32]] = {}
    for index, layer in enumerate(artefact.network.layers):
        tensors[f"{index}.weight"] = layer.weight
        tensors[f"{index}.bias"] = layer.bias
    weights = save(tensors)
    record = FileRecord(len(weights), hashlib.sha256(weights).hexdigest())
    manifest = replace(artefact.manifest, files={WEIGHTS: record})
    return manifest, {WEIGHTS: weights, MANIFEST: manifest.to_json()}


def decode_manifest(data: bytes, name: str, digest: str | None = None) -> PolicyManifest:
    """Read and check a manifest.

    Args:
        data: The file's bytes.
        name: The name under which it was found.
        digest: The digest that it must have, if known.

    Raises:
        ArtefactError: If it is damaged, was changed, or lists other files than the weights.
    """
    try:
        manifest = PolicyManifest.from_json(data)
    except ArtefactError as error:
        raise ArtefactError(f"model {name}: {error.message}", mend=error.mend) from error
    if manifest.name != name:
        raise ArtefactError(f"model {name}: its manifest is that of {manifest.name!r}")
    if digest is not None and not hmac.compare_digest(digest.encode(), manifest.digest.encode()):
        raise ArtefactError(
            f"model {name} is not the one recorded: digest {manifest.digest[:12]}…, "
            f"recorded {digest[:12]}…"
        )
    if set(manifest.files) != {WEIGHTS}:
        raise ArtefactError(f"model {name} lists {sorted(manifest.files)}, not [{WEIGHTS!r}]")
    return manifest


def decode(manifest: PolicyManifest, weights: bytes) -> PolicyArtefact:
    """Check the weights' bytes against the manifest and parse those same bytes.

    Raises:
        ArtefactError: If size, hash, names, types or shapes differ, or a weight is not finite.
    """
    record = manifest.files[WEIGHTS]
    found = hashlib.sha256(weights).hexdigest()
    if len(weights) != record.size or not hmac.compare_digest(
        found.encode(), record.sha256.encode()
    ):
        raise ArtefactError(
            f"model {manifest.name}: {WEIGHTS} was changed: SHA-256 {found[:12]}…, "
            f"stated {record.sha256[:12]}…",
            mend="restore the file, or train again",
        )
    tensors = _parse(weights, manifest.name)
    shapes = _shapes(manifest.sizes)
    if {name: one.shape for name, one in tensors.items()} != shapes:
        raise ArtefactError(f"model {manifest.name}: {WEIGHTS} does not hold {shapes}")
    try:
        layers = tuple(
            DenseLayer(tensors[f"{i}.weight"], tensors[f"{i}.bias"])
            for i in range(len(manifest.sizes) - 1)
        )
        return PolicyArtefact(manifest, Network(layers, manifest.activation))
    except DataError as error:
        raise ArtefactError(f"model {manifest.name}: {WEIGHTS}: {error.message}") from error


def _parse(weights: bytes, name: str) -> Mapping[str, NDArray[np.float32]]:
    header = int.from_bytes(weights[:8], "little")
    if len(weights) < 8 or header > min(_HEADER_LIMIT, len(weights) - 8):
        raise ArtefactError(f"model {name}: {WEIGHTS} states a header of {header} bytes")
    try:
        tensors: dict[str, NDArray[np.float32]] = load(weights)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise ArtefactError(f"model {name}: {WEIGHTS} is no safetensors file: {error}") from error
    return tensors


def _shapes(sizes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for index in range(len(sizes) - 1):
        shapes[f"{index}.weight"] = (sizes[index + 1], sizes[index])
        shapes[f"{index}.bias"] = (sizes[index + 1],)
    return shapes
