"""The few calls of the Linux kernel that Python does not offer, through ctypes."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWNET = 0x40000000

_CAPSET = 126
_CAPABILITY_VERSION = 0x20080522


def syscall(number: int, *arguments: Any) -> int:
    """Call the kernel.

    Raises:
        OSError: If it refuses.
    """
    plain = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(_LIBC.syscall(ctypes.c_long(number), *plain))
    if result < 0:
        raise _failed()
    return result


def prctl(option: int, *arguments: Any) -> None:
    """Set an attribute of this process.

    Raises:
        OSError: If the kernel refuses.
    """
    padded = (*arguments, *([0] * (4 - len(arguments))))
    plain = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in padded]
    if _LIBC.prctl(ctypes.c_int(option), *plain) != 0:
        raise _failed()


def unshare(flags: int) -> None:
    """Leave namespaces behind.

    Raises:
        OSError: If the kernel refuses.
    """
    if _LIBC.unshare(ctypes.c_int(flags)) != 0:
        raise _failed()


def drop_capabilities() -> None:
    """Give up every capability of this process, root's own too.

    Raises:
        OSError: If the kernel refuses.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall(_CAPSET, ctypes.byref(header), ctypes.byref(nothing))


def _failed() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
