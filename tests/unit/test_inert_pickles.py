"""Pickles are read without running them, and arrays come out as they went in."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mettle.adapters.learning.foreign.archive import open_archive
from mettle.adapters.learning.foreign.inert import Thing, array, read_inert
from mettle.domain.errors import ArtefactError
from tests.support.foreign import Bomb, pickled, zipped


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "numbers",
    [
        np.arange(6.0),
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(2.5),
        np.float64(0.1),
        np.array([True, False]),
        np.arange(3),
    ],
)
def test_arrays_come_out_as_they_went_in(numbers: Any, protocol: int) -> None:  # noqa: ANN401
    """Of every protocol that can be read, or in one typed error."""
    thing = read_inert(pickle.dumps(numbers, protocol), "it")
    if protocol < 3:  # bytes are calls of codecs there, and nothing is called
        with pytest.raises(ArtefactError):
            array(thing, "it")
        return
    np.testing.assert_array_equal(array(thing, "it"), numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        np.array(["a"]),
        np.array([None]),
        np.arange(3, dtype=">f8"),
        np.arange(3) * 1j,
        "text",
        None,
        [1.0],
    ],
)
def test_what_is_no_array_of_plain_numbers_is_refused(numbers: Any) -> None:  # noqa: ANN401
    """Objects, texts, other byte orders, complex numbers, lists."""
    with pytest.raises(ArtefactError, match=r"no array|no bytes"):
        array(read_inert(pickle.dumps(numbers), "it"), "it")


def test_an_array_whose_shape_lies_is_refused() -> None:
    """Its size must be that of its bytes, in whole positive numbers."""
    sound = read_inert(pickle.dumps(np.arange(6.0), 4), "it")
    for shape in ((7,), (-1,), (1 << 40,), (6.0,), "6", (2, 3, 2)):
        version, _, kind, fortran, raw = sound.state
        sound.state = (version, shape, kind, fortran, raw)
        with pytest.raises(ArtefactError):
            array(sound, "it")
        sound.state = (version, (6,), kind, fortran, raw)


def _bombs(canary: Path) -> dict[str, bytes]:
    command = f"touch {canary}"
    return {
        "system": pickled(Bomb(os.system, command)),
        "subprocess": pickled(Bomb(subprocess.run, ["touch", str(canary)])),
        "exec": pickled(Bomb(exec, f"open({str(canary)!r}, 'w')")),
        "eval": pickled(Bomb(eval, f"__import__('os').system({command!r})")),
        "by hand": b"cposix\nsystem\n(S'" + command.encode() + b"'\ntR.",
        "inst": b"(S'" + command.encode() + b"'\niposix\nsystem\n.",
        "obj": b"(cposix\nsystem\nS'" + command.encode() + b"'\no.",
    }


@pytest.mark.parametrize("name", list(_bombs(Path("x"))))
def test_a_bomb_does_not_go_off(name: str, tmp_path: Path) -> None:
    """It does where it is unpickled, which shows that it is one."""
    canary = tmp_path / "canary"
    bomb = _bombs(canary)[name]
    with pytest.raises(ArtefactError, match="which no model calls"):
        read_inert(bomb, "it")
    assert not canary.exists()
    script = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    subprocess.run([sys.executable, "-c", script], input=bomb, check=False, capture_output=True)
    assert canary.exists()


def test_every_other_name_is_lifeless() -> None:
    """What is called, built or filled is a stand-in, at any depth."""
    thing = read_inert(pickled(Bomb(getattr, "text", "upper")), "it")
    assert isinstance(thing, Thing)
    assert thing.name == "builtins.getattr"
    assert thing.arguments == ("text", "upper")
    assert thing.field("anything") is None
    deep = read_inert(pickled({"a": [Bomb(bytearray, 1 << 50)]}), "it")
    assert deep["a"][0].name == "builtins.bytearray"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no pickle"),
        (b"\x80\x04", "no pickle"),
        (b"." * 10, "no pickle"),
        (b"N" * 30_000 + b".", "more than 20000 steps"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"Pid\n.", "PERSID"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", "no pickle"),
        (b"x" * (17 << 20), "bytes, a model's has"),
    ],
)
def test_what_is_no_pickle_of_a_model_is_refused(data: bytes, message: str) -> None:
    """Cut, endless, referring to elsewhere, stating absurd sizes."""
    with pytest.raises(ArtefactError, match=message):
        read_inert(data, "it")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"", "no zip"),
        (lambda: zipped({"data": b"{}"}), "policy.pth is missing"),
        (lambda: zipped({"data": b"{}", "policy.pth": b"", "../../x": b""}), "no model has"),
        (lambda: zipped({"data": b"\xff", "policy.pth": b""}), "`data` is damaged"),
        (lambda: zipped({"data": b"[" * 9_000, "policy.pth": b""}), "`data` is damaged"),
        (lambda: zipped({"data": b"[]", "policy.pth": b""}), "no object"),
        (lambda: zipped({"data": b" " * (9 << 20), "policy.pth": b""}), "more than"),
        (lambda: zipped({"data": b"{}", "policy.pth": b""}), "class of its own"),
        (lambda: zipped({"data": b"{}", "policy.pth": b""})[:-30], "no zip"),
    ],
)
def test_zips_of_other_things_are_refused(make: Callable[[], bytes], message: str) -> None:
    """Before any library is loaded; a part that unpacks to gigabytes is read to its limit only."""
    with pytest.raises(ArtefactError, match=message):
        open_archive(make())
