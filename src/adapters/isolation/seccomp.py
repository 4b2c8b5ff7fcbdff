"""Seccomp: the calls of the kernel that this process may not make any more.

Landlock guards what files hold, but neither their modes, owners and times nor sockets, other
processes and programs. Numbers are those of x86-64, the one machine that this is tested on; on any
other :func:`forbid` refuses. Source: the kernel's ``seccomp(2)`` and ``syscall_64.tbl``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from ...domain.errors import RefusedForSafety
from .kernel import syscall

_SECCOMP, _SET_FILTER, _ALL_THREADS = 317, 1, 1
_ARCHITECTURE = 0xC000003E
_X32 = 0x40000000
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000

_LOAD, _JUMP_EQUAL, _JUMP_LEAST, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _WHICH_ARCHITECTURE, _FIRST = 0, 4, 16
"""Offsets in the kernel's ``struct seccomp_data``; the last is the first argument's low half."""

_CLONE, _CLONE3, _TGKILL, _PRLIMIT = 56, 435, 234, 302
_CLONE_THREAD = 0x00010000
_NEWER = 464
"""Calls from here on are younger than this list: the program is told that there are none."""

_FORBIDDEN = (
    # sockets
    (*range(41, 56), 288, 299, 307),
    # other programs and processes
    (57, 58, 59, 322, 62, 129, 200, 297, 101, 310, 311, 312, 424, 434, 438, 440, 448),
    # modes, owners, times, attributes, special files
    (90, 91, 92, 93, 94, 132, 133, 188, 189, 190, 197, 198, 199, 235, 259, 260, 261, 268, 280, 452),
    # memory, messages and semaphores that are shared with others
    (29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 220, 240, 241),
    # namespaces, mounts, handles of files
    (155, 161, 165, 166, 272, 303, 304, 308, 428, 429, 430, 431, 432, 433, 442),
    # keys, tracing, programs for the kernel, asynchronous calls
    (248, 249, 250, 298, 321, 323, 425, 426, 427, 447),
    # the machine itself: clock, modules, swap, names, accounting
    (159, 163, 164, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 227, 246, 305, 313, 320, 443),
)


def supported() -> bool:
    """Return whether there is a filter for this machine."""
    return platform.machine() == "x86_64"


def forbid() -> str:
    """Forbid the calls above to every thread of this process, for good.

    Returns:
        What was done, in words.

    Raises:
        RefusedForSafety: If this is another machine than the list is for.
        OSError: If the kernel refuses.
    """
    if not supported():
        raise RefusedForSafety(f"there is no tested filter for {platform.machine()}")
    steps = _program()
    code = ctypes.create_string_buffer(b"".join(steps))
    whole = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    syscall(_SECCOMP, _SET_FILTER, _ALL_THREADS, ctypes.create_string_buffer(whole))
    return "seccomp"


def _program() -> list[bytes]:
    """Return the filter, one step of the kernel's virtual machine after another."""
    refuse, unknown = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    steps = [
        _step(_LOAD, 0, 0, _WHICH_ARCHITECTURE),
        *_unless(_JUMP_EQUAL, _ARCHITECTURE, _KILL),
        _step(_LOAD, 0, 0, _NUMBER),
        *_if(_JUMP_LEAST, _X32, _KILL),
        # The C library falls back to clone, whose flags can be looked at.
        *_if(_JUMP_EQUAL, _CLONE3, unknown),
        *_if(_JUMP_LEAST, _NEWER, unknown),
    ]
    for number in sorted(one for group in _FORBIDDEN for one in group):
        steps += _if(_JUMP_EQUAL, number, refuse)
    # A thread may be begun, this process may end itself and ask for its own limits.
    for number, test, value in (
        (_CLONE, _JUMP_SET, _CLONE_THREAD),
        (_TGKILL, _JUMP_EQUAL, os.getpid()),
        (_PRLIMIT, _JUMP_EQUAL, 0),
    ):
        steps += [
            _step(_JUMP_EQUAL, 0, 4, number),
            _step(_LOAD, 0, 0, _FIRST),
            _step(test, 0, 1, value),
            _step(_RETURN, 0, 0, _ALLOW),
            _step(_RETURN, 0, 0, refuse),
        ]
    return [*steps, _step(_RETURN, 0, 0, _ALLOW)]


def _if(test: int, value: int, outcome: int) -> list[bytes]:
    return [_step(test, 0, 1, value), _step(_RETURN, 0, 0, outcome)]


def _unless(test: int, value: int, outcome: int) -> list[bytes]:
    return [_step(test, 1, 0, value), _step(_RETURN, 0, 0, outcome)]


def _step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
