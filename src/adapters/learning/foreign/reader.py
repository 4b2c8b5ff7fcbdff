"""The parent's side: hand the files to the isolated process, and believe nothing that it says."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....application.learning.policy import DenseLayer, Network
from ....application.learning.strict import Fields
from ....application.ports.foreign_models import ForeignModel, ForeignNormaliser
from ....domain.errors import ArtefactError, MettleError
from ...isolation import Limits, run_in_cell
from ...persistence.artefacts.weights import parse_weights
from ...persistence.folders import read_regular

_MODEL_LIMIT, _NORMALISER_LIMIT = 512 << 20, 16 << 20
_OUTPUTS = {"result.json": 16 << 20, "arrays.safetensors": 256 << 20}
_CHILD = f"{__name__.rpartition('.')[0]}.child"
_PROBES = 256
_WIDEST = 1 << 20


class IsolatedSb3Reader:
    """Reads ``.zip`` and ``vecnormalize.pkl`` of Stable-Baselines3.

    Args:
        limits: What the isolated process may take.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def read(self, model: Path, normaliser: Path | None = None) -> ForeignModel:
        """See :class:`~mettle.application.ports.foreign_models.ForeignModels`."""
        files = {"model.zip": _bytes(model, _MODEL_LIMIT)}
        if normaliser is not None:
            files["vecnormalize.pkl"] = _bytes(normaliser, _NORMALISER_LIMIT)
        try:
            left = run_in_cell(("-m", _CHILD), files, _OUTPUTS, self._limits)
            return _model(left, files)
        except ArtefactError as error:
            raise ArtefactError(f"{model} is refused: {error.message}", mend=error.mend) from error


def _bytes(path: Path, limit: int) -> bytes:
    whole = path.expanduser().absolute()
    return read_regular(whole.parent.resolve(), whole.name, limit)


def _model(left: Mapping[str, bytes], files: Mapping[str, bytes]) -> ForeignModel:
    if set(left) != set(_OUTPUTS):
        raise ArtefactError("the isolated process left no result")
    values = Fields.parse(left["result.json"], "result")
    sizes = values.integers("sizes")
    if len(sizes) < 2 or not all(0 < one < _WIDEST for one in sizes):
        raise ArtefactError(f"its network has the sizes {sizes}")
    shapes: dict[str, tuple[int, ...]] = {
        "probes": (_PROBES, sizes[0]),
        "actions": (_PROBES, sizes[-1]),
    }
    for index in range(len(sizes) - 1):
        shapes[f"{index}.weight"] = (sizes[index + 1], sizes[index])
        shapes[f"{index}.bias"] = (sizes[index + 1],)
    arrays = parse_weights(left["arrays.safetensors"], shapes, "its weights")
    if not all(np.isfinite(one).all() for one in arrays.values()):
        raise ArtefactError("it holds a value that is not finite")
    layers = tuple(
        DenseLayer(arrays[f"{i}.weight"], arrays[f"{i}.bias"]) for i in range(len(sizes) - 1)
    )
    try:
        network = Network(layers, values.take("activation", str))
        found = values.take_optional("normaliser", dict)
        normaliser = None if found is None else _normaliser(Fields(found, "normaliser"), sizes[0])
        numbers = {name: one for name, one in values.figures("numbers").items() if one is not None}
        program = f"Stable-Baselines3 {_plain(values.take('version', str)) or 'of unknown version'}"
        protections = tuple(_plain(str(one)) for one in values.take("protections", list))
        values.finish()
    except ArtefactError:
        raise
    except MettleError as error:
        raise ArtefactError(error.message) from error
    return ForeignModel(
        network,
        normaliser,
        arrays["probes"],
        arrays["actions"],
        numbers,
        program,
        {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        protections,
    )


def _normaliser(values: Fields, size: int) -> ForeignNormaliser:
    mean, deviation = _numbers(values, "mean", size), _numbers(values, "deviation", size)
    clip = values.take("clip", float)
    values.finish()
    if not (deviation > 0).all() or not clip > 0:
        raise ArtefactError("the normaliser's deviations and clip must be positive")
    return ForeignNormaliser(mean, deviation, clip)


def _numbers(values: Fields, name: str, size: int) -> NDArray[np.float64]:
    rows = values.take(name, list)
    if len(rows) != size or not all(type(one) is float and math.isfinite(one) for one in rows):
        raise ArtefactError(f"the normaliser's {name} is not {size} numbers")
    return np.array(rows, dtype=np.float64)


def _plain(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:40]
