"""What `mettle doctor` looks at: the installation, the machine and the workspace."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..domain.errors import MettleError, NotFound
from .checks import Check, Verdict
from .container import ApplicationContainer
from .places import Places
from .self_check import check_kernels
from .settings import Resolved
from .trading_checks import durability, kill_flags, notices, skew

_LEAST_FREE = 200 * 2**20
_COMFORTABLE_FREE = 2 * 2**30
_RELEASED_MS = 1_767_225_600_000
"""2026-01-01: a clock before this is wrong."""
_EXTRAS = {
    "postgres": ("psycopg", "a PostgreSQL database"),
    "ray": ("ray", "campaigns on a Ray cluster"),
}


def examine(
    find_places: Callable[[], Places], resolve_settings: Callable[[Places], Resolved]
) -> list[Check]:
    """Run every check that can be run; a failed one never stops the others."""
    checks = [_python(), *_guard("kernels", check_kernels_line), *_extras()]
    try:
        places = find_places()
    except NotFound as error:
        return [*checks, Check("workspace", Verdict.WARNING, error.message, error.mend)]
    except MettleError as error:
        return [*checks, _failed("workspace", error)]
    checks += [Check("workspace", Verdict.OK, f"{places.home} ({places.how})")]
    checks += [
        *_guard("disk", lambda: _disk(places.home)),
        *_guard("folder", lambda: _write(places)),
    ]
    try:
        resolved = resolve_settings(places)
    except MettleError as error:
        return [*checks, _failed("settings", error)]
    checks += [Check("settings", Verdict.OK, f"{places.config}, {len(resolved.origins)} keys set")]
    container = ApplicationContainer(resolved=resolved)
    try:
        checks += _guard("database", lambda: _database(container))
        checks += _guard("durability", lambda: durability(resolved))
        checks += _guard("kill", lambda: kill_flags(resolved, container))
        checks += _guard("notices", lambda: notices(resolved))
        checks += _guard("data", lambda: _data(container))
        checks += _guard("models", lambda: _models(container))
        checks += _guard("clock", lambda: _clock(container))
        checks += _guard("clock skew", lambda: skew(container))
    finally:
        container.shutdown_resources()
    return checks


def _guard(name: str, check: Callable[[], Check]) -> list[Check]:
    try:
        return [check()]
    except MettleError as error:
        return [_failed(name, error)]
    except OSError as error:
        what = f"{error.strerror or error}: {error.filename or ''}".strip(": ")
        return [Check(name, Verdict.FAILED, what, "check owner, mode and free space")]


def _failed(name: str, error: MettleError) -> Check:
    return Check(name, Verdict.FAILED, error.message, error.mend)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", Verdict.OK, f"{version}, {os.cpu_count()} cores")


def check_kernels_line() -> Check:
    """Return the line of the native kernels' self-check."""
    try:
        wrong = check_kernels()
    except ImportError as error:
        mend = "install again: pip install --force-reinstall mettle-trader"
        return Check("kernels", Verdict.FAILED, f"the native module does not load: {error}", mend)
    if wrong:
        mend = "install again for this machine: pip install --force-reinstall mettle-trader"
        return Check("kernels", Verdict.FAILED, "; ".join(wrong), mend)
    return Check("kernels", Verdict.OK, "features, market and inference agree with the reference")


def _extras() -> list[Check]:
    found = []
    for extra, (module, purpose) in _EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        detail = f"{extra}: {'installed' if there else 'not installed'}"
        mend = "" if there else f"for {purpose}: pip install 'mettle-trader[{extra}]'"
        found.append(Check("extra", Verdict.OK, detail, mend))
    return found


def _disk(home: Path) -> Check:
    free = shutil.disk_usage(home).free
    detail = f"{free / 2**30:.1f} GiB free"
    if free < _LEAST_FREE:
        return Check("disk", Verdict.FAILED, detail, "free some space; at least 0.2 GiB are needed")
    if free < _COMFORTABLE_FREE:
        return Check("disk", Verdict.WARNING, detail, "training and long histories want 2 GiB")
    return Check("disk", Verdict.OK, detail)


def _write(places: Places) -> Check:
    with tempfile.TemporaryFile(dir=places.home) as file:
        file.write(b"\0" * 4096)
    return Check("folder", Verdict.OK, "writable")


def _database(container: ApplicationContainer) -> Check:
    store = container.store()
    with store.reading() as unit:
        runs = len(unit.runs.latest(1000))
    with store.writing():
        pass
    return Check("database", Verdict.OK, f"opens, up to date, writable, {runs} runs")


def _data(container: ApplicationContainer) -> Check:
    lines = container.bars().catalogue()
    if not lines:
        mend = "`mettle data synth`, `mettle data import FILE` or `mettle data get`"
        return Check("data", Verdict.WARNING, "no candles yet", mend)
    for line in lines:
        container.bars().read(line.instrument.symbol, line.timeframe)
    missing = sum(line.missing for line in lines)
    detail = f"{len(lines)} series, {sum(line.bars for line in lines)} bars, hashes right"
    if missing:
        gaps = sum(line.gaps for line in lines)
        mend = "`mettle data check` lists them"
        return Check("data", Verdict.WARNING, f"{detail}; {missing} missing in {gaps} gaps", mend)
    return Check("data", Verdict.OK, f"{detail}, no gaps")


def _models(container: ApplicationContainer) -> Check:
    store = container.artefacts()
    names = store.names()
    for name in names:
        store.verify(name)
    container.keys().check()
    return Check("models", Verdict.OK, f"{len(names)} models, hashes and signatures right")


def _clock(container: ApplicationContainer) -> Check:
    now = container.clock().now_ms()
    newest = max(
        (line.last for line in container.bars().catalogue() if not line.synthetic),
        default=_RELEASED_MS,
    )
    if now < max(newest, _RELEASED_MS):
        mend = "set the clock (`timedatectl set-ntp true`)"
        return Check(
            "clock", Verdict.FAILED, "the clock lies before the newest bar or release", mend
        )
    return Check("clock", Verdict.OK, "after the newest bar")
