"""The parent's side: a child in a folder of its own, watched and cut off in time."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...domain.errors import ArtefactError, MettleError, RefusedForSafety, TimedOut
from ..persistence.folders import read_folder

_SAID = 4_000  # bytes of the child's last words that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a child may take.

    Attributes:
        seconds: Of the clock; of the processor it gets as many.
        memory: Bytes of private memory.
        file_size: Bytes of one file that it writes.
    """

    seconds: float = 120.0
    memory: int = 4 << 30
    file_size: int = 256 << 20


def run_in_cell(
    program: Sequence[str],
    files: Mapping[str, bytes],
    outputs: Mapping[str, int],
    limits: Limits = Limits(),
) -> dict[str, bytes]:
    """Run a program over files in a process that can reach nothing else.

    The child has no environment, no open files, no standard input; see :func:`~.lock.enter` for
    the rest. Its scratch folder is removed afterwards.

    Args:
        program: What follows ``python -I -B``; it must call :func:`~.lock.enter` before all else.
        files: What it works on, by file name.
        outputs: Most bytes of each file that it may leave in ``out``.
        limits: What it may take.

    Returns:
        The bytes of what it left in ``out``, by name; believe none of it unchecked.

    Raises:
        RefusedForSafety: If the child cannot be locked in here.
        TimedOut: If it was not done in time.
        ArtefactError: If it refused the files, died, or left something else.
    """
    with _scratch() as scratch:
        for name, data in files.items():
            (scratch / name).write_bytes(data)
        (scratch / "out").mkdir()
        code, said = _run(program, scratch, limits)
        if code != 0:
            raise _refusal(code, said)
        return read_folder(scratch / "out", outputs)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mettle-cell-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: Sequence[str], scratch: Path, limits: Limits) -> tuple[int, bytes]:
    command = [sys.executable, "-I", "-B", *program, str(scratch), str(limits.memory)]
    command += [str(max(1, int(limits.seconds))), str(limits.file_size)]
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    # A file and no pipe: what the child says is bounded as its other files are.
    words = scratch / "said"
    with (
        words.open("wb") as said,
        subprocess.Popen(  # noqa: S603 - our own interpreter and program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=scratch,
            env={"LANG": "C.UTF-8", "HOME": str(scratch), "TMPDIR": str(scratch), **one},
            close_fds=True,
            start_new_session=True,
        ) as child,
    ):
        try:
            child.wait(timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise TimedOut(
                f"reading the file took more than {limits.seconds:g} s, it was given up"
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    with words.open("rb") as said_again:
        said_again.seek(max(0, words.stat().st_size - _SAID))
        return child.returncode, said_again.read(_SAID)


def _refusal(code: int, words: bytes) -> MettleError:
    said = words.decode("utf-8", "replace")
    if code < 0:
        return ArtefactError(
            f"the isolated process was ended by {signal.Signals(-code).name}: the file takes more "
            "memory or time than a model needs, or does what it must not"
        )
    try:
        kind, message = json.loads(said.splitlines()[-1])
    except (ValueError, IndexError):
        kind, message = "", said.strip()[-500:] or f"exit code {code}"
    if kind == "RefusedForSafety":
        return RefusedForSafety(str(message))
    # What the child says is the file's word: no control character reaches the terminal.
    plain = "".join(one if one.isprintable() else " " for one in str(message))
    return ArtefactError(plain[:600])
