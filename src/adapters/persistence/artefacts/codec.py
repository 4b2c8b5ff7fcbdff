"""A policy as the bytes of its files, and back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from ....application.learning.artefact import (
    DenseLayer,
    FileRecord,
    Network,
    PolicyArtefact,
    PolicyManifest,
)
from ....application.learning.signature import Signature
from ....application.ports.model_signer import ModelSigner
from ....domain.errors import ArtefactError, DataError
from .weights import parse_weights

MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
SIGNATURE = "signature.json"

LIMITS: Mapping[str, int] = {MANIFEST: 16 << 20, WEIGHTS: 1 << 30, SIGNATURE: 4 << 10}
"""Every file that a model may have, and how many bytes it may have at most."""

_AGAIN = "restore the files, or train again"


def encode(
    artefact: PolicyArtefact, signer: ModelSigner | None = None
) -> tuple[PolicyManifest, dict[str, bytes]]:
    """Return the manifest with the files' hashes, and every file by name."""
    tensors: dict[str, NDArray[np.float32]] = {}
    for index, layer in enumerate(artefact.network.layers):
        tensors[f"{index}.weight"] = layer.weight
        tensors[f"{index}.bias"] = layer.bias
    weights = save(tensors)
    record = FileRecord(len(weights), hashlib.sha256(weights).hexdigest())
    manifest = replace(artefact.manifest, files={WEIGHTS: record})
    files = {WEIGHTS: weights, MANIFEST: manifest.to_json()}
    if signer is not None:
        files[SIGNATURE] = signer.sign(files[MANIFEST]).to_json()
    return manifest, files


def decode(
    files: Mapping[str, bytes],
    name: str,
    signer: ModelSigner | None = None,
    *,
    digest: str | None = None,
) -> PolicyArtefact:
    """Check a model's files, the signature first, and parse the very bytes that were checked.

    Args:
        files: The bytes by file name.
        name: The name under which they were found.
        signer: Knows whose signatures count; None asks for no signature.
        digest: The manifest's digest that it must have, if known.

    Raises:
        ArtefactError: If a file is missing, damaged, was changed, or is signed by nobody trusted.
    """
    wanted = (MANIFEST, WEIGHTS) if signer is None else (MANIFEST, WEIGHTS, SIGNATURE)
    for one in wanted:
        if one == SIGNATURE and one not in files:
            raise ArtefactError(
                f"model {name} is not signed",
                mend=f"if you know where it is from: `mettle models trust {name} --reason …`",
            )
        if one not in files:
            raise ArtefactError(f"model {name}: {one} is missing", mend=_AGAIN)
    try:
        if signer is not None:
            signer.verify(files[MANIFEST], Signature.from_json(files[SIGNATURE]))
        manifest = PolicyManifest.from_json(files[MANIFEST])
    except ArtefactError as error:
        raise ArtefactError(f"model {name}: {error.message}", mend=error.mend) from error
    _check_manifest(manifest, name, digest)
    return _decode_weights(manifest, files[WEIGHTS])


def _check_manifest(manifest: PolicyManifest, name: str, digest: str | None) -> None:
    if manifest.name != name:
        raise ArtefactError(f"model {name}: its manifest is that of {manifest.name!r}")
    if digest is not None and not hmac.compare_digest(digest.encode(), manifest.digest.encode()):
        raise ArtefactError(
            f"model {name} is not the one recorded: digest {manifest.digest[:12]}…, "
            f"recorded {digest[:12]}…"
        )
    if set(manifest.files) != {WEIGHTS}:
        raise ArtefactError(f"model {name} lists {sorted(manifest.files)}, not [{WEIGHTS!r}]")


def _decode_weights(manifest: PolicyManifest, weights: bytes) -> PolicyArtefact:
    record = manifest.files[WEIGHTS]
    found = hashlib.sha256(weights).hexdigest()
    if len(weights) != record.size or not hmac.compare_digest(
        found.encode(), record.sha256.encode()
    ):
        raise ArtefactError(
            f"model {manifest.name}: {WEIGHTS} was changed: SHA-256 {found[:12]}…, "
            f"stated {record.sha256[:12]}…",
            mend=_AGAIN,
        )
    place = f"model {manifest.name}: {WEIGHTS}"
    tensors = parse_weights(weights, _shapes(manifest.sizes), place)
    try:
        layers = tuple(
            DenseLayer(tensors[f"{i}.weight"], tensors[f"{i}.bias"])
            for i in range(len(manifest.sizes) - 1)
        )
        return PolicyArtefact(manifest, Network(layers, manifest.activation))
    except DataError as error:
        raise ArtefactError(f"{place}: {error.message}") from error


def _shapes(sizes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for index in range(len(sizes) - 1):
        shapes[f"{index}.weight"] = (sizes[index + 1], sizes[index])
        shapes[f"{index}.bias"] = (sizes[index + 1],)
    return shapes
