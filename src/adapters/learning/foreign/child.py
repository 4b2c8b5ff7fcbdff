"""The isolated process: ``python -I -B -m …child SCRATCH MEMORY SECONDS FILE_SIZE``.

It locks itself in before it loads any library. It reads ``model.zip`` and, if there is one,
``vecnormalize.pkl``; it leaves ``out/result.json`` and ``out/arrays.safetensors``. The actions that
it writes down are those of Stable-Baselines3's own policy and normaliser on probe observations.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....domain.errors import ArtefactError
from ...isolation.lock import locked_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .archive import Archive

_PROBES = 256
_SEED = 20_240_229


def work(scratch: Path, protections: list[str]) -> None:
    """Read the files and write down what a safe model needs."""
    import numpy as np  # noqa: PLC0415 - everything below is loaded behind the lock
    from safetensors.numpy import save  # noqa: PLC0415

    from .archive import open_archive  # noqa: PLC0415
    from .normaliser import read_normaliser  # noqa: PLC0415

    archive = open_archive((scratch / "model.zip").read_bytes())
    state = _state(archive.weights)
    layers = _layers(state, archive)
    normaliser = None
    pickled = scratch / "vecnormalize.pkl"
    if pickled.exists():
        normaliser = read_normaliser(pickled.read_bytes(), archive.observations)
    probes = _probes(normaliser, archive.observations)
    arrays = {**layers, "probes": probes, "actions": _original(archive, state, normaliser, probes)}
    result = {
        "sizes": [
            archive.observations,
            *(len(layers[f"{i}.bias"]) for i in range(len(layers) // 2)),
        ],
        "activation": archive.activation,
        "normaliser": None if normaliser is None else normaliser.to_dict(),
        "numbers": archive.numbers,
        "version": archive.version,
        "protections": protections,
    }
    out = scratch / "out"
    (out / "arrays.safetensors").write_bytes(
        save({name: np.ascontiguousarray(one) for name, one in arrays.items()})
    )
    (out / "result.json").write_text(json.dumps(result, allow_nan=False), encoding="ascii")


def _state(data: bytes) -> dict[str, Any]:
    import torch  # noqa: PLC0415

    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ArtefactError("its policy.pth holds no tensors by name")
    for name, one in state.items():
        if not isinstance(one, torch.Tensor) or one.dtype != torch.float32:
            raise ArtefactError(f"its {name!s:.80} is no tensor of float32")
        if not bool(torch.isfinite(one).all()):
            raise ArtefactError(f"its {name!s:.80} holds a value that is not finite")
    return state


def _layers(state: dict[str, Any], archive: Archive) -> dict[str, NDArray[np.float32]]:
    """Return the layers from the observation to the means of the actions, by our names."""
    depth = sum(name.startswith("mlp_extractor.policy_net.") for name in state) // 2
    names = [*(f"mlp_extractor.policy_net.{2 * i}" for i in range(depth)), "action_net"]
    known = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    rest = {n for n in state if not n.startswith(("mlp_extractor.value_net.", "value_net."))}
    if rest - {"log_std"} != known:
        strange = sorted(map(str, (rest - {"log_std"}) ^ known))
        raise ArtefactError(f"its network is not a plain one: {strange[0][:80]}")
    layers: dict[str, NDArray[np.float32]] = {}
    width = archive.observations
    for index, name in enumerate(names):
        weight, bias = state[f"{name}.weight"].numpy(), state[f"{name}.bias"].numpy()
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            raise ArtefactError(f"its {name} has the shapes {weight.shape} and {bias.shape}")
        layers[f"{index}.weight"], layers[f"{index}.bias"] = weight, bias
        width = len(bias)
    if width != archive.actions:
        raise ArtefactError(
            f"its network gives {width} actions, its action space has {archive.actions}"
        )
    return layers


def _probes(normaliser: Any, size: int) -> NDArray[np.float32]:
    """Return observations as the training saw them: around the normaliser's means."""
    import numpy as np  # noqa: PLC0415

    drawn = np.random.default_rng(_SEED).normal(size=(_PROBES, size))
    if normaliser is not None:
        drawn = normaliser.mean + drawn * np.sqrt(normaliser.variance)
    return drawn.astype(np.float32)


def _original(
    archive: Archive, state: dict[str, Any], normaliser: Any, probes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return what Stable-Baselines3 itself decides on the probes."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from gymnasium.spaces import Box  # noqa: PLC0415
    from stable_baselines3.common.policies import ActorCriticPolicy  # noqa: PLC0415

    torch.set_num_threads(1)
    hidden = {
        ours: [
            len(one)
            for name, one in state.items()
            if name.startswith(f"mlp_extractor.{theirs}.") and name.endswith(".bias")
        ]
        for ours, theirs in (("pi", "policy_net"), ("vf", "value_net"))
    }
    policy = ActorCriticPolicy(
        Box(-np.inf, np.inf, (archive.observations,), np.float32),
        Box(-1.0, 1.0, (archive.actions,), np.float32),
        lambda _: 0.0,
        net_arch=hidden,
        activation_fn=torch.nn.Tanh if archive.activation == "tanh" else torch.nn.ReLU,
    )
    policy.load_state_dict(state)
    seen = probes if normaliser is None else normaliser.apply(probes)
    actions, _ = policy.predict(seen, deterministic=True)
    return np.asarray(actions, dtype=np.float32)


if __name__ == "__main__":
    locked_in(work)
