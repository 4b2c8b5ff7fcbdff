"""The isolated process: what hostile code in it cannot do, shown by trying."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from mettle.adapters.isolation import Limits, landlock, lock, run_in_cell, seccomp
from mettle.domain.errors import ArtefactError, RefusedForSafety, TimedOut

pytestmark = pytest.mark.skipif(
    landlock.version() < landlock.LEAST or not seccomp.supported(),
    reason="this kernel cannot lock a process in, so `models import` refuses foreign models",
)

ATTACK = """
import ctypes, json, os, pathlib, socket, subprocess, sys, threading
scratch = pathlib.Path(sys.argv[1])
plan = json.loads((scratch / "plan.json").read_text())
if plan["locked"]:
    from mettle.adapters.isolation.lock import enter
    enter(scratch, *map(int, sys.argv[2:]))
key, outside = pathlib.Path(plan["key"]), pathlib.Path(plan["outside"])

def in_thread(act):
    said = []
    def run():
        try:
            said.append(act())
        except BaseException as error:
            said.append(error)
    one = threading.Thread(target=run); one.start(); one.join()
    if isinstance(said[0], BaseException):
        raise said[0]

def call(number, *rest):
    if ctypes.CDLL(None, use_errno=True).syscall(number, *rest) < 0:
        raise OSError(ctypes.get_errno(), "refused")

ATTEMPTS = {
    "connect": lambda: socket.create_connection(("127.0.0.1", plan["port"]), 2),
    "connect in a thread": lambda: in_thread(
        lambda: socket.create_connection(("127.0.0.1", plan["port"]), 2)),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "read the key": key.read_bytes,
    "read the key in a thread": lambda: in_thread(key.read_bytes),
    "read the user list": pathlib.Path("/etc/passwd").read_bytes,
    "read the parent's environment": pathlib.Path(f"/proc/{plan['parent']}/environ").read_bytes,
    "list a folder": lambda: list(key.parent.iterdir()),
    "write outside": lambda: outside.write_text("was here"),
    "write shared memory": lambda: pathlib.Path("/dev/shm/mettle-canary").write_text("x"),
    "open the key to everyone": lambda: key.chmod(0o666),
    "change the key's times": lambda: os.utime(key),
    "truncate the key": lambda: os.truncate(key, 0),
    "remove the key": key.unlink,
    "link to the key": lambda: os.link(key, scratch / "link"),
    "symlink to the key": lambda: (scratch / "soft").symlink_to(key),
    "run a program": lambda: subprocess.run(["/bin/true"], check=True),
    "fork": lambda: os.waitpid(os.fork() or os._exit(0), 0),
    "signal the parent": lambda: os.kill(plan["parent"], 0),
    "raise the limits": lambda: __import__("resource").prlimit(
        plan["parent"], __import__("resource").RLIMIT_CORE),
    "keep secrets of the kernel": lambda: call(248, b"user", b"mettle", b"x", 1, -3),
    "make a namespace": lambda: call(272, 0x10000000),
    "call the kernel asynchronously": lambda: call(425, 1, ctypes.create_string_buffer(256)),
    "find a secret in the environment": lambda: os.environ["METTLE_CANARY"],
}
result = {}
for name, act in ATTEMPTS.items():
    try:
        act()
        result[name] = "done"
    except BaseException as error:
        result[name] = type(error).__name__
open_files = []
for number in range(3, 256):
    try:
        os.fstat(number)
        open_files.append(number)
    except OSError:
        pass
result["open files"] = open_files
(scratch / "out" / "result.json").write_text(json.dumps(result))
"""


def attack(tmp_path: Path, port: int, *, locked: bool) -> dict[str, Any]:
    """Run the attack in a cell, or without the lock, and return what became of each attempt."""
    script, key = tmp_path / "attack.py", tmp_path / "keys" / "signing.key"
    script.write_text(ATTACK)
    key.parent.mkdir(exist_ok=True)
    key.write_text("secret")
    key.chmod(0o600)
    plan = {
        "locked": locked, "key": str(key), "outside": str(tmp_path / "outside"), "port": port,
        "parent": os.getpid(),
    }  # fmt: skip
    files = {"plan.json": json.dumps(plan).encode()}
    if locked:
        left = run_in_cell((str(script),), files, {"result.json": 1 << 20}, Limits(seconds=60))
        return dict(json.loads(left["result.json"]))
    (tmp_path / "out").mkdir()
    (tmp_path / "plan.json").write_bytes(files["plan.json"])
    subprocess.run([sys.executable, "-I", str(script), str(tmp_path), "0", "0", "0"], check=True)
    return dict(json.loads((tmp_path / "out" / "result.json").read_text()))


@pytest.fixture
def listener() -> Any:  # noqa: ANN401 - a socket, closed afterwards
    """Yield a socket that counts who knocks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server


def test_hostile_code_can_do_no_harm(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt fails behind the lock; nearly each works without it, so the test can fail."""
    monkeypatch.setenv("METTLE_CANARY", "secret")
    port = listener.getsockname()[1]
    result = attack(tmp_path, port, locked=True)
    assert result.pop("open files") == []
    assert [name for name, outcome in result.items() if outcome == "done"] == []
    with pytest.raises(TimeoutError):
        listener.accept()
    key = tmp_path / "keys" / "signing.key"
    assert key.read_text() == "secret"
    assert key.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "outside").exists()
    unlocked = tmp_path / "unlocked"
    unlocked.mkdir()
    free = attack(unlocked, port, locked=False)
    worked = {name for name, outcome in free.items() if outcome == "done"}
    # Root-less machines and other sandboxes may deny a few of them anyway.
    assert {
        "connect", "read the key", "read the user list", "write outside", "run a program", "fork",
        "open the key to everyone", "signal the parent", "find a secret in the environment",
    } <= worked  # fmt: skip


def cell(tmp_path: Path, body: str, **limits: Any) -> dict[str, bytes]:  # noqa: ANN401 - numbers
    """Run a few lines behind the lock."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, pathlib, sys, time\n"
        "from mettle.adapters.isolation.lock import locked_in\n"
        f"def work(scratch, done):\n    out = scratch / 'out'\n    {body}\n"
        "locked_in(work)\n"
    )
    return run_in_cell((str(script),), {}, {"ok": 100}, Limits(**({"seconds": 60.0} | limits)))


def test_work_within_the_folder_is_done(tmp_path: Path) -> None:
    """What it may do works, and its scratch folder is gone afterwards."""
    left = cell(tmp_path, "(out / 'ok').write_text(str(scratch))")
    assert not Path(left["ok"].decode()).exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('odd' + chr(27))", "ValueError: odd $"),
        ("bytearray(1 << 33)", "more memory"),
        ("os.kill(os.getpid(), 9)", "PermissionError"),
        ("os.abort()", "SIGABRT"),
        ("(out / 'ok').write_bytes(b'x' * 101)", "more than 100 bytes"),
        ("(out / 'other').write_text('x')", "does not belong there"),
        ("(out / 'ok').mkdir()", "not a regular file"),
        ("(out / 'ok').symlink_to('/etc/passwd')", "PermissionError"),
        ("sys.stderr.write('x' * 9_000_000); raise ValueError('late')", "late"),
    ],
)
def test_what_goes_wrong_is_refused(tmp_path: Path, body: str, message: str) -> None:
    """In one typed error, without control characters, whatever the child did."""
    with pytest.raises(ArtefactError, match=message) as caught:
        cell(tmp_path, body)
    assert caught.value.message.isprintable()


def test_time_is_limited(tmp_path: Path) -> None:
    """One that sleeps is given up, one that computes is ended."""
    with pytest.raises(TimedOut, match="given up"):
        cell(tmp_path, "time.sleep(60)", seconds=4.0)
    with pytest.raises((TimedOut, ArtefactError)):
        cell(tmp_path, "while True: pass", seconds=4.0)


def test_files_are_limited(tmp_path: Path) -> None:
    """A file that grows without end stops."""
    with pytest.raises(ArtefactError):
        cell(tmp_path, "(out / 'ok').write_bytes(bytes(1 << 21))", file_size=1 << 20)


def test_the_lock_comes_before_any_library() -> None:
    """Landlock binds no thread that was there before, and libraries begin some."""
    script = (
        "import sys, mettle.adapters.learning.foreign.child; "
        "print({'numpy', 'torch', 'safetensors'} & set(sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-I", "-c", script], check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == "set()"


def test_a_process_with_threads_is_not_locked_in(tmp_path: Path) -> None:
    """It would only seem to be."""
    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait)
    other.start()
    try:
        with pytest.raises(RefusedForSafety, match="before it begins a thread"):
            lock.enter(tmp_path, 1, 1, 1)
    finally:
        waiting.set()
        other.join()


def test_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the numbers of the calls are others."""
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(RefusedForSafety, match="riscv64"):
        seccomp.forbid()


def test_a_kernel_that_cannot_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is changed in the process, and the parent passes it on as exit code 5."""
    monkeypatch.setattr(landlock, "version", lambda: 2)
    with pytest.raises(RefusedForSafety, match="Landlock 3 and x86-64 are needed, this has 2"):
        lock.enter(tmp_path, 1, 1, 1)
    monkeypatch.undo()
    body = "from mettle.domain.errors import RefusedForSafety; raise RefusedForSafety('no lock')"
    with pytest.raises(RefusedForSafety, match="no lock"):
        cell(tmp_path, body)
