"""What the child does before anything else: give up all that it could do harm with."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ...domain.errors import MettleError, RefusedForSafety
from . import kernel, landlock, seccomp

_SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/urandom")
_DEVICES = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
_NOTHING = Path("/dev/null")


def locked_in(work: Callable[[Path, list[str]], None]) -> NoReturn:
    """Run a child's work: lock in, do it, and say in one line what went wrong.

    Args:
        work: Given the scratch folder and the protections in force.
    """
    scratch, *limits = sys.argv[1:]
    try:
        done = enter(Path(scratch), *map(int, limits))
        work(Path(scratch), done)
    except MettleError as error:
        _end(type(error).__name__, error.message)
    except MemoryError:
        _end("MemoryError", "it takes more memory than a model needs")
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file can bring about
        _end(type(error).__name__, f"it cannot be read: {type(error).__name__}: {error}")
    _leave(0)


def _end(kind: str, message: str) -> NoReturn:
    print(json.dumps([kind, message[:600]]), file=sys.stderr, flush=True)  # noqa: T201 - the parent reads it
    _leave(1)


def _leave(code: int) -> NoReturn:
    # No farewell of libraries: they may try what is forbidden here.
    sys.stderr.flush()
    os._exit(code)


def enter(scratch: Path, memory: int, cpu_s: int, file_size: int) -> list[str]:
    """Lock this process in; whatever it loads afterwards is locked in with it.

    Args:
        scratch: The one folder that can be read and written.
        memory: Most bytes of private memory.
        cpu_s: Most seconds of processor time.
        file_size: Most bytes of one file.

    Returns:
        The protections in force, in words.

    Raises:
        RefusedForSafety: If one that is needed is not to be had.
    """
    try:
        return _enter(scratch, memory, cpu_s, file_size)
    except OSError as error:
        raise RefusedForSafety(
            f"this system does not let a process lock itself in: {error}"
        ) from error


def _enter(scratch: Path, memory: int, cpu_s: int, file_size: int) -> list[str]:
    if landlock.version() < landlock.LEAST or not seccomp.supported():
        raise RefusedForSafety(
            f"a model of strangers is only read where the kernel can lock a process in: Landlock "
            f"{landlock.LEAST} and x86-64 are needed, this has {landlock.version()}"
        )
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        # Landlock binds the thread that asks for it and those that it begins, not its elders.
        raise RefusedForSafety("a process locks itself in before it begins a thread")
    for limit, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    kernel.prctl(kernel.PR_SET_PDEATHSIG, int(signal.SIGKILL))
    done = ["limits", *_namespaces()]
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    readable = [*map(Path, (*_SYSTEM, *_DEVICES)), _NOTHING, *_code()]
    done.append(landlock.restrict(readable, [scratch]))
    kernel.drop_capabilities()
    done.append(seccomp.forbid())
    return done


def _namespaces() -> list[str]:
    """Leave the network behind where that is allowed; without it the filters alone hold."""
    flags = kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC
    for more in (0, kernel.CLONE_NEWUSER):
        try:
            kernel.unshare(flags | more)
        except OSError:
            continue
        return ["no network"]
    return []


def _code() -> list[Path]:
    """Return where the interpreter and the packages are, and nothing beside them."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = {Path(sysconfig.get_paths()[name]) for name in names}
    places |= {Path(one) for one in (sys.base_prefix + "/lib", sys.base_prefix + "/bin")}
    # An editable install has its packages elsewhere; most are not imported yet.
    packages = Path(__file__).resolve().parents[2]
    places |= {packages / name for name in ("adapters", "application", "domain")}
    return sorted(one.resolve() for one in places)
