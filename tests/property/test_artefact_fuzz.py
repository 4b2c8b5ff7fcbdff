"""Whatever the bytes of a model are, they are read or refused in one typed error."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.adapters.learning.foreign.archive import open_archive
from mettle.adapters.learning.foreign.inert import array, read_inert
from mettle.adapters.persistence.artefacts.archive import pack, unpack
from mettle.adapters.persistence.artefacts.codec import decode, encode
from mettle.adapters.persistence.artefacts.weights import parse_weights
from mettle.application.learning.signature import Signature
from mettle.domain.errors import ArtefactError
from tests.support.foreign import zipped
from tests.support.learning import random_artefact

_, FILES = encode(random_artefact())
WEIGHTS = FILES["weights.safetensors"]
SHAPES = {"0.weight": (9, 19), "0.bias": (9,), "1.weight": (5, 9), "1.bias": (5,),
          "2.weight": (2, 5), "2.bias": (2,)}  # fmt: skip
PICKLES = [
    pickle.dumps({"a": np.arange(5.0), "b": [np.float64(1), "text", None]}, protocol)
    for protocol in (0, 2, 4, 5)
]
ZIP = zipped({"data": b'{"policy_class": {":serialized:": "gAROLg=="}}', "policy.pth": b"x"})
SIGNATURE = Signature("a" * 64, "b" * 128).to_json()


@st.composite
def spoilt(draw: st.DrawFn, sound: bytes) -> bytes:
    """Draw a file with bytes changed, a stretch cut out, and a stretch put in."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 2)):
            case 0 if data:
                data[at] = draw(st.integers(0, 255))
            case 1:
                del data[at : at + draw(st.integers(1, 40))]
            case _:
                data[at:at] = draw(st.binary(min_size=1, max_size=12))
    return bytes(data)


@settings(max_examples=150, deadline=None)
@given(data=spoilt(WEIGHTS))
def test_weights(data: bytes) -> None:
    """What passes has the shapes asked for."""
    try:
        tensors = parse_weights(data, SHAPES, "it")
    except ArtefactError:
        return
    assert {name: one.shape for name, one in tensors.items()} == SHAPES


@settings(max_examples=150, deadline=None)
@given(data=spoilt(FILES["manifest.json"]))
def test_manifests(data: bytes) -> None:
    """What passes has the digest that it had."""
    try:
        loaded = decode({**FILES, "manifest.json": data}, "model")
    except ArtefactError:
        return
    assert loaded.manifest.digest == decode(FILES, "model").manifest.digest


@settings(max_examples=100, deadline=None)
@given(data=spoilt(SIGNATURE))
def test_signatures(data: bytes) -> None:
    """What passes is of the form of a signature."""
    try:
        made = Signature.from_json(data)
    except ArtefactError:
        return
    assert (len(made.key), len(made.value)) == (64, 128)


@settings(max_examples=150, deadline=None)
@given(data=st.sampled_from(PICKLES).flatmap(spoilt))
def test_pickles(data: bytes) -> None:
    """Nothing but values, stand-ins and refusals comes of any of them."""
    try:
        found = read_inert(data, "it")
        array(found["a"] if isinstance(found, dict) and "a" in found else found, "it")
    except ArtefactError:
        return


@settings(max_examples=100, deadline=None)
@given(data=spoilt(ZIP))
def test_foreign_zips(data: bytes) -> None:
    """None of these is a model, and each says so."""
    with pytest.raises(ArtefactError):
        open_archive(data)


@settings(max_examples=100, deadline=None)
@given(data=spoilt(pack({name: FILES[name][:500] for name in FILES})))
def test_packed_models(data: bytes) -> None:
    """What passes holds files that a model may have."""
    try:
        files = unpack(data)
    except ArtefactError:
        return
    assert set(files) <= {"manifest.json", "weights.safetensors", "signature.json"}


def test_a_packed_model_is_the_same_every_time() -> None:
    """And comes back as it went in; another compression or a part twice is refused."""
    packed = pack(FILES)
    assert packed == pack(dict(reversed(FILES.items())))
    assert unpack(packed) == FILES
    with pytest.raises(ArtefactError, match="compressed"):
        unpack(zipped(FILES))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr("manifest.json", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("manifest.json", b"2")
    with pytest.raises(ArtefactError, match="no model has"):
        unpack(whole.getvalue())
