"""Reading pickles without running them.

A pickle names functions and has them called. Here every name becomes a lifeless stand-in that
remembers what it was to be called with; only the few that arrays are made of are worked out, by
code of ours. Nothing is imported and nothing of the file is executed.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ....domain.errors import ArtefactError

_STEPS = 20_000
"""Most steps of a pickle; those of a policy's settings or of a normaliser take some hundred."""
_BYTES = 16 << 20

_RECONSTRUCT = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}
_SCALAR = {("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")}
_BUFFER = {("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer")}
_HOSTILE = {
    "os", "posix", "nt", "posixpath", "subprocess", "pty", "socket", "sys", "shutil", "ctypes",
    "importlib", "runpy", "code", "webbrowser", "multiprocessing", "signal", "marshal", "asyncio",
    "builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__", "builtins.open",
    "builtins.breakpoint", "builtins.input",
}  # fmt: skip
"""Names that betray an attack: nothing would call them, but nobody should want such a file."""
HOSTILE = "which no model calls"
_KINDS = {"f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8", "b1": "|b1", "u1": "|u1"}


class Thing:
    """What stands for an object of a pickle.

    Attributes:
        name: Module and name of what was to be called, or was only named.
        arguments: What it was to be called with; empty for a name alone.
        state: What it was to be filled with, None if nothing.
    """

    name = ""
    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __setstate__(self, state: Any) -> None:
        """Keep what the object was to be filled with."""
        self.state = state

    def field(self, name: str) -> Any:
        """Return one attribute of the object, None if it has none of that name."""
        return self.state.get(name) if isinstance(self.state, dict) else None


def named(module: str, name: str) -> type[Thing]:
    """Return the stand-in of one name; calling it makes a stand-in of the result."""

    class Named(Thing):
        def __new__(cls, *arguments: Any, **more: Any) -> Self:
            made = super().__new__(cls)
            made.arguments = (*arguments, *more.values())
            return made

        def __init__(self, *_arguments: Any, **_more: Any) -> None:
            pass

    Named.name = f"{module}.{name}"
    return Named


class _Inert(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] in _HOSTILE or f"{module}.{name}" in _HOSTILE:
            raise ArtefactError(f"it names {module}.{name}, {HOSTILE}")
        return named(module, name)

    def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002 - the base class's
        raise ArtefactError("it refers to something outside the file")


def read_inert(data: bytes, place: str) -> Any:
    """Return what a pickle stands for: plain values, and a :class:`Thing` for all else.

    Args:
        data: The whole pickle.
        place: What to call it in messages.

    Raises:
        ArtefactError: If it is no pickle, too large, or of too many steps.
    """
    if len(data) > _BYTES:
        raise ArtefactError(f"{place} holds {len(data)} bytes, a model's has at most {_BYTES}")
    try:
        _check_steps(data, place)
        return _Inert(io.BytesIO(data)).load()
    except (ArtefactError, MemoryError):
        raise
    except RecursionError as error:
        raise ArtefactError(f"{place} is nested too deeply") from error
    except Exception as error:  # a pickle can fail in any way
        raise ArtefactError(f"{place} is no pickle of a model: {type(error).__name__}") from error


def _check_steps(data: bytes, place: str) -> None:
    for step, (code, _, _) in enumerate(pickletools.genops(data)):
        if step >= _STEPS:
            raise ArtefactError(f"{place} has more than {_STEPS} steps, a model's has hundreds")
        if code.name in {"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER"}:
            raise ArtefactError(f"{place} has a step {code.name}, a model's has none")


def array(thing: object, place: str) -> NDArray[np.float64]:
    """Return the numbers of an array, or of a scalar, of NumPy.

    Raises:
        ArtefactError: If it is none, not of plain numbers, or its size does not fit its bytes.
    """
    if isinstance(thing, int | float):
        return np.asarray(float(thing))
    if isinstance(thing, Thing):
        origin = tuple(thing.name.rsplit(".", 1))
        if origin in _RECONSTRUCT and isinstance(thing.state, tuple) and len(thing.state) == 5:
            _, shape, kind, fortran, raw = thing.state
            return _numbers(raw, kind, shape, "F" if fortran else "C", place)
        if origin in _SCALAR and len(thing.arguments) == 2:
            return _numbers(thing.arguments[1], thing.arguments[0], (), "C", place)
        if origin in _BUFFER and len(thing.arguments) == 4:
            raw, kind, shape, order = thing.arguments
            return _numbers(raw, kind, shape, order, place)
    raise ArtefactError(f"{place} is no array of numbers")


def _numbers(raw: Any, kind: Any, shape: Any, order: Any, place: str) -> NDArray[np.float64]:
    letters = kind.arguments[0] if isinstance(kind, Thing) and kind.arguments else None
    if isinstance(kind, Thing) and kind.name == "numpy.dtype" and isinstance(letters, str):
        plain = _KINDS.get(letters.lstrip("<|=")) if not letters.startswith(">") else None
    else:
        plain = None
    big = isinstance(kind, Thing) and isinstance(kind.state, tuple) and kind.state[1:2] == (">",)
    sizes = isinstance(shape, tuple) and all(
        type(one) is int and 0 <= one < 1 << 24 for one in shape
    )
    if plain is None or big or not sizes or order not in ("C", "F"):
        raise ArtefactError(f"{place} is no array of plain numbers")
    if not isinstance(raw, bytes | bytearray):
        raise ArtefactError(f"{place} holds no bytes")
    flat = np.frombuffer(bytes(raw), dtype=plain)
    if flat.size != int(np.prod(shape, dtype=np.int64)):
        raise ArtefactError(f"{place} holds {flat.size} numbers, its shape is {shape}")
    made: NDArray[np.float64] = flat.reshape(shape, order=order).astype(np.float64)
    return made
