"""The zip of Stable-Baselines3: its parts, and what its settings say."""

from __future__ import annotations

import base64
import binascii
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....domain.errors import ArtefactError
from ...persistence.artefacts.archive import ZIP_ERRORS
from .inert import HOSTILE, Thing, array, read_inert

_PARTS = {
    "data": 8 << 20,
    "policy.pth": 128 << 20,
    "policy.optimizer.pth": 256 << 20,
    "pytorch_variables.pth": 1 << 20,
    "_stable_baselines3_version": 1 << 10,
    "system_info.txt": 1 << 16,
}
"""What there may be, and how many bytes of it; only the first two are read."""

_ACTIVATIONS = {
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
}
_POLICY = "stable_baselines3.common.policies.ActorCriticPolicy"
_NUMBERS = (
    "n_envs", "n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "ent_coef", "vf_coef",
    "max_grad_norm", "learning_rate", "num_timesteps", "seed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Archive:
    """What a zip says of its policy.

    Attributes:
        weights: ``policy.pth``.
        numbers: Plain hyperparameters.
    """

    weights: bytes
    observations: int
    actions: int
    activation: str
    numbers: dict[str, float]
    version: str


def open_archive(data: bytes) -> Archive:
    """Read a zip of PPO or A2C with a plain policy; no pickle in it is run.

    Raises:
        ArtefactError: If it is damaged, holds other parts, or another kind of policy.
    """
    parts = _parts(data)
    try:
        settings = json.loads(parts["data"].decode())
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"its `data` is damaged: {type(error).__name__}") from error
    if not isinstance(settings, dict):
        raise ArtefactError("its `data` is no object")
    _look_for_attacks(settings)
    policy = _thing(settings, "policy_class")
    origin = getattr(policy, "name", "")
    if origin != _POLICY:
        raise ArtefactError(
            f"its policy is {origin or 'of a class of its own'}: only PPO and A2C with an "
            "MlpPolicy can be taken over"
        )
    inputs, outputs = _space(settings, "observation_space"), _space(settings, "action_space")
    _refuse_other_actions(settings)
    if settings.get("use_sde"):
        raise ArtefactError("it explores state-dependently (use_sde), which is not taken over")
    numbers = {
        name: float(settings[name])
        for name in _NUMBERS
        if type(settings.get(name)) in (int, float) and abs(settings[name]) < 1e15
    }
    return Archive(
        parts["policy.pth"],
        inputs,
        outputs,
        _activation(settings),
        numbers,
        parts.get("_stable_baselines3_version", b"").decode("ascii", "replace").strip()[:20],
    )


def _parts(data: bytes) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            for one in file.infolist():
                limit = _PARTS.get(one.filename)
                if limit is None or one.filename in parts:
                    raise ArtefactError(f"it holds {one.filename[:80]!r}, which no model has")
                with file.open(one) as part:
                    parts[one.filename] = part.read(limit + 1)
                if len(parts[one.filename]) > limit:
                    raise ArtefactError(f"its {one.filename} has more than {limit} bytes")
    except ZIP_ERRORS as error:
        raise ArtefactError(f"it is no zip of Stable-Baselines3: {error}") from error
    if missing := {"data", "policy.pth"} - set(parts):
        raise ArtefactError(f"it is no zip of Stable-Baselines3: {min(missing)} is missing")
    return parts


def _thing(settings: dict[str, Any], name: str) -> Any:
    entry = settings.get(name)
    if not isinstance(entry, dict) or not isinstance(entry.get(":serialized:"), str):
        return None
    try:
        raw = base64.b64decode(entry[":serialized:"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArtefactError(f"its {name} is damaged") from error
    made = read_inert(raw, f"its {name}")
    # A class is named, an object is made: both are stand-ins here.
    return made() if isinstance(made, type) and issubclass(made, Thing) else made


def _look_for_attacks(settings: dict[str, Any]) -> None:
    """Refuse a file with a hostile pickle anywhere, even where nobody would read it.

    Raises:
        ArtefactError: If an entry names what no model calls. That none does proves nothing, and
            nothing depends on it.
    """
    for name in settings:
        try:
            _thing(settings, name)
        except ArtefactError as error:
            if HOSTILE in error.message:
                raise ArtefactError(
                    f"its {str(name)[:40]} is an attack: {error.message}"
                ) from error


def _space(settings: dict[str, Any], name: str) -> int:
    space = _thing(settings, name)
    shape = space.field("_shape") if isinstance(space, Thing) else None
    if not isinstance(space, Thing) or not space.name.endswith(".box.Box") or shape is None:
        kind = getattr(space, "name", "unknown").rsplit(".", 1)[-1]
        raise ArtefactError(f"its {name} is {kind}, only a Box of one dimension is taken over")
    if not (isinstance(shape, tuple) and len(shape) == 1 and type(shape[0]) is int):
        raise ArtefactError(f"its {name} has the shape {shape!r}, not one dimension")
    return int(shape[0])


def _refuse_other_actions(settings: dict[str, Any]) -> None:
    space = _thing(settings, "action_space")
    low, high = (array(space.field(name), f"its action space's {name}") for name in ("low", "high"))
    if not (np.all(low == -1) and np.all(high == 1)):
        raise ArtefactError(
            "its actions are not weights in [−1, 1]: train with such an action space"
        )


def _activation(settings: dict[str, Any]) -> str:
    given = _thing(settings, "policy_kwargs")
    if given is None:
        given = settings.get("policy_kwargs") or {}
    if not isinstance(given, dict):
        raise ArtefactError("its policy_kwargs are no dictionary")
    if given.get("squash_output"):
        raise ArtefactError("it squashes its output, which is not taken over")
    chosen = given.get("activation_fn")
    if chosen is None:
        return "tanh"  # the default of PPO and A2C
    found = _ACTIVATIONS.get(getattr(chosen, "name", ""))
    if found is None:
        raise ArtefactError(
            f"its activation is {getattr(chosen, 'name', chosen)!r:.80}, only tanh and ReLU are "
            "taken over"
        )
    return found
