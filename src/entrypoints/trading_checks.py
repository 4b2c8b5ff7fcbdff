"""What `mettle doctor` looks at before trading: durability, the kill flag, the clock."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast
from urllib.parse import unquote

from ..adapters.system.machine import (
    clock_state,
    file_system,
    has_write_ahead_log,
    sync_seconds,
)
from ..application.ports.kill_switch import EVERY_ACCOUNT
from ..application.ports.notifier import Notice, Severity
from .checks import Check, Verdict
from .container import ApplicationContainer
from .settings import Resolved

_FLEETING = frozenset({"tmpfs", "ramfs"})
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs"}
)
_SLOW_SYNC_S = 0.1
_QUICK_SYNC_S = 20e-6
"""No disk has written a page in less; whoever says so has not."""
_TOLERANCE_MS = 1_000
_NOTICE_S = 5.0
_ALLOWED_ERROR_MS = 500
"""Requests to venues carry our time and are refused when it is off by seconds."""


def durability(resolved: Resolved) -> Check:
    """Say whether what is committed stays: kind of log, of disk, and the time of a sync."""
    if "://" in resolved.database:
        detail = "a server's: its fsync and synchronous_commit must be on"
        return Check("durability", Verdict.OK, detail)
    database = Path(resolved.database)
    kind, taken = file_system(database), sync_seconds(database.parent)
    detail = f"write-ahead log, full sync on {kind or 'an unknown file system'}"
    detail += f", {1000 * taken:.2g} ms each"
    if not has_write_ahead_log(database):
        mend = "close every program that has it open, then run this again"
        return Check("durability", Verdict.FAILED, f"{database} has no write-ahead log", mend)
    verdict, mend = disk_verdict(kind, taken)
    return Check("durability", verdict, detail, mend)


def disk_verdict(kind: str, taken: float) -> tuple[Verdict, str]:
    """Judge a file system and the seconds that a sync takes; return verdict and mend."""
    if kind in _REMOTE:
        mend = "keep mettle.db on a local disk, or use PostgreSQL; SQLite's locks need one"
        return Verdict.FAILED, mend
    if kind in _FLEETING:
        mend = "it is gone after a restart of the machine: keep the workspace on a disk"
        return Verdict.WARNING, mend
    if taken < _QUICK_SYNC_S:
        mend = (
            "the disk answers before it writes: turn its volatile cache off, or trust its battery"
        )
        return Verdict.WARNING, mend
    if taken > _SLOW_SYNC_S:
        return Verdict.WARNING, "each order waits for two syncs: use a faster disk"
    return Verdict.OK, ""


def kill_flags(resolved: Resolved, container: ApplicationContainer) -> Check:
    """Say whether a kill could be written, and whether one holds."""
    folder = resolved.kill
    nearest = folder if folder.exists() else folder.parent
    if not os.access(nearest, os.W_OK | os.X_OK):
        mend = "make it writable: a kill must work when nothing else does"
        return Check("kill", Verdict.FAILED, f"{nearest} cannot be written", mend)
    switch = container.kill_switch()
    reason = switch.reason(EVERY_ACCOUNT)
    if reason is not None:
        return Check("kill", Verdict.WARNING, f"everything: {reason}", "`mettle risk reset kill`")
    flags = sorted(unquote(path.stem) for path in folder.glob("*.kill")) if folder.exists() else []
    if flags:
        mend = "`mettle risk reset kill --account NAME`"
        return Check("kill", Verdict.WARNING, f"killed: {', '.join(flags)}", mend)
    return Check("kill", Verdict.OK, f"{folder} is ready, no flag is set")


def notices(resolved: Resolved) -> Check:
    """Say whether messages to people arrive: one goes the whole way, into a file beside theirs."""
    path = resolved.notices
    if path is None:
        mend = "`mettle config set notify.file logs/notices.jsonl`"
        return Check("notices", Verdict.WARNING, "no messages are written down", mend)
    from ..adapters.notification import LogNotifier, RotatingFile

    trial = path.with_name(f"{path.name}.doctor-{os.getpid()}")
    notifier = LogNotifier(cast("TextIO", RotatingFile(trial)))
    notifier.send(Notice(Severity.INFO, "doctor", "a trial", 0))
    arrived = notifier.flush(_NOTICE_S) and not notifier.dropped
    notifier.close(0.0)
    with suppress(OSError):
        for one in (trial, trial.with_name(f"{trial.name}.lock")):
            one.unlink(missing_ok=True)
        path.parent.rmdir()  # only where nothing was written yet
    if not arrived:
        mend = "make its folder writable, or set notify.file to another place"
        return Check("notices", Verdict.FAILED, f"{path} cannot be written", mend)
    least = resolved.settings.notify.least
    return Check("notices", Verdict.OK, f"{path}, {least} and above")


def skew(container: ApplicationContainer) -> Check:
    """Say how far the clock may be trusted; how far it is from a venue's, only the venue knows."""
    now = container.clock().now_ms()
    with container.store().reading() as unit:
        newest = max((run.created_at for run in unit.runs.latest(1)), default=0)
    if newest > now + _TOLERANCE_MS:
        seconds = (newest - now) // 1000
        mend = "set the clock (`timedatectl set-ntp true`) before anything trades"
        detail = f"the newest run began {seconds} s in the future: the clock has jumped back"
        return Check("clock skew", Verdict.FAILED, detail, mend)
    state = clock_state()
    if state is None:
        return Check(
            "clock skew", Verdict.OK, "the kernel does not tell; compare it with the venue"
        )
    detail = f"within {state.error_ms:.3g} ms, says the kernel"
    if not state.synchronised:
        detail, mend = "nothing keeps the clock right", "`timedatectl set-ntp true`, or chrony"
        return Check("clock skew", Verdict.WARNING, detail, mend)
    if state.error_ms > _ALLOWED_ERROR_MS:
        return Check("clock skew", Verdict.WARNING, detail, "wait for the time service to settle")
    return Check("clock skew", Verdict.OK, detail)
