"""Reading safetensors strictly: these tensors, of these shapes, float32, and nothing else.

The format is eight bytes of header length, a JSON header, and the tensors' bytes one after another
(https://github.com/huggingface/safetensors, "Format"). The header is read here, and not by the
library: it admits doubled keys, metadata and tensors that nobody asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ....application.learning.strict import Fields
from ....domain.errors import ArtefactError

_HEADER_LIMIT = 1 << 20  # a policy's has some hundred bytes
_ITEM = 4


def parse_weights(
    data: bytes, shapes: Mapping[str, tuple[int, ...]], place: str
) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a file.

    Args:
        data: The whole file.
        shapes: What it must hold, by name.
        place: What to call it in messages.

    Raises:
        ArtefactError: If it holds anything else.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_HEADER_LIMIT, len(data) - 8):
        raise ArtefactError(f"{place} states a header of {length} bytes")
    try:
        header = Fields.parse(data[8 : 8 + length], "its header")
    except ArtefactError as error:
        raise ArtefactError(f"{place} is no safetensors file: {error.message}") from error
    body = memoryview(data)[8 + length :]
    tensors: dict[str, NDArray[np.float32]] = {}
    spans: list[tuple[int, int]] = []
    if header.names() != set(shapes):
        raise ArtefactError(f"{place} does not hold {dict(shapes)}")
    for name, shape in shapes.items():
        one = header.child(name)
        begin, end = _span(one, shape, f"{place}: {name}", dict(shapes), place)
        spans.append((begin, end))
        if end > len(body):
            raise ArtefactError(f"{place}: {name} ends at byte {end} of {len(body)}")
        tensors[name] = np.frombuffer(body[begin:end], dtype="<f4").reshape(shape).copy()
    _refuse_gaps(sorted(spans), len(body), place)
    return tensors


def _span(
    one: Fields, shape: tuple[int, ...], name: str, shapes: object, place: str
) -> tuple[int, int]:
    dtype = one.take("dtype", str)
    found = one.integers("shape")
    offsets = one.integers("data_offsets")
    one.finish()
    if found != shape:
        raise ArtefactError(f"{place} does not hold {shapes}")
    if dtype != "F32":
        raise ArtefactError(f"{name} must be float32 (F32), was {dtype}")
    if len(offsets) != 2 or offsets[1] - offsets[0] != _ITEM * math.prod(shape) or offsets[0] < 0:
        raise ArtefactError(f"{name} lies at {offsets}, which is not its size")
    return offsets[0], offsets[1]


def _refuse_gaps(spans: list[tuple[int, int]], size: int, place: str) -> None:
    expected = 0
    for begin, end in spans:
        if begin != expected:
            raise ArtefactError(f"{place}: tensors overlap or leave a gap at byte {expected}")
        expected = end
    if expected != size:
        raise ArtefactError(f"{place} holds {size - expected} bytes that belong to no tensor")
