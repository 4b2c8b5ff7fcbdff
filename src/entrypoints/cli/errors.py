"""From an exception to one line on stderr and an exit code.

    0 yes · 1 the answer is no · 2 usage or config · 3 not found · 4 not running
    5 refused for safety · 6 venue or network · 7 time-out · 70 our bug · 130 interrupted

The line reads ``error: what and why · what mends it``. There is no traceback without ``--debug``.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer
from typer.exceptions import TyperException

from ...domain.errors import MettleError, StorageError
from ..suggest import did_you_mean
from .output import flush_quietly

INTERRUPTED = 130
DEFECT = 70


class Interrupted(Exception):
    """Ctrl-C, saved from typer, which would end without a word; says what was kept."""


class ReaderGone(Exception):
    """A closed pipe (`| head`), saved from typer, which would end with exit 1."""


_DISK: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space and run the command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and run the command again"),
    errno.EFBIG: ("a file would grow beyond the allowed size", "raise the limit (`ulimit -f`)"),
    errno.EROFS: ("the file system is read-only", "choose a writable folder with --home"),
    errno.EACCES: ("permission denied", "check the owner and mode, or choose another --home"),
    errno.EPERM: ("not permitted", "check the owner and mode, or choose another --home"),
    errno.EMFILE: ("too many open files", "raise the limit (`ulimit -n`)"),
}

_FALLBACK = {
    1: "free some space or check the disk, then run it again",
    2: "correct it and run the command again",
    3: "`mettle status` shows what there is",
    4: "`mettle status` shows what is running",
    5: "`mettle doctor` shows what is missing",
    6: "nothing was lost, try again later",
    7: "the outcome is unknown, look before trying again",
    DEFECT: "report it with the output of `mettle doctor`",
}
"""What to do where an error does not say it itself, by exit code."""


def guarded(call: Callable[[], object], *, debug: bool) -> int:
    """Run ``call`` and return the exit code; every failure ends as one line on stderr."""
    try:
        result = call()
        flush_quietly()
    except BaseException as error:  # noqa: BLE001  the outermost frame: nothing may escape it
        return _report(error, debug=debug)
    return result if isinstance(result, int) else 0


def _report(error: BaseException, *, debug: bool) -> int:
    code, what, mend = _judge(error)
    if debug and not isinstance(error, TyperException | SystemExit | typer.Exit):
        traceback.print_exception(error)
    if what:
        say(what, mend)
    return code


def _judge(error: BaseException) -> tuple[int, str, str]:  # noqa: PLR0911  one line a kind of error
    """Return exit code, what is wrong (empty: nothing to say) and what mends it."""
    match error:
        case BrokenPipeError() | ReaderGone():
            flush_quietly()
            return 0, "", ""
        case SystemExit():
            return error.code if isinstance(error.code, int) else int(bool(error.code)), "", ""
        case typer.Exit():
            return error.exit_code, "", ""
        case Interrupted() | KeyboardInterrupt() | typer.Abort():
            return INTERRUPTED, "interrupted", kept(error)
        case TyperException():
            return 2, *usage(error)
        case MettleError():
            return error.exit_code, error.message, error.mend or _FALLBACK[error.exit_code]
        case OSError() if error.errno in _DISK:
            what, mend = _DISK[error.errno]
            where = f": {error.filename}" if error.filename else ""
            return StorageError.exit_code, what + where, mend
        case OSError() if error.filename:
            what = f"cannot use {error.filename}: {error.strerror or error}"
            mend = "check the path, or choose another folder with --home"
            return StorageError.exit_code, what, mend
        case MemoryError():
            mend = "take fewer symbols, a shorter period or fewer environments"
            return StorageError.exit_code, "out of memory", mend
        case _:
            return DEFECT, *_defect(error)


def say(what: str, mend: str = "") -> None:
    """Print one error line on stderr."""
    line = f"error: {what} · {mend}" if mend else f"error: {what}"
    with suppress(OSError):  # a full or closed stderr must not change the exit code
        print(line, file=sys.stderr, flush=True)  # noqa: T201  the error itself


def kept(error: BaseException) -> str:
    """Return what an interrupted command has kept; use cases say it in the exception's text."""
    return str(error) or "what was finished is kept, files are whole; run it again to go on"


def usage(error: TyperException) -> tuple[str, str]:
    """Return what is wrong with the command line, and what mends it."""
    context = getattr(error, "ctx", None)
    path = str(context.command_path) if context is not None else "mettle"
    help_line = f"see `{path} --help`"
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.message, file=sys.stderr)  # noqa: T201  the help itself
        return f"`{path}` needs a verb", help_line
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and isinstance(option, str):
        known = [name for one in context.command.params for name in one.opts] if context else []
        mend = did_you_mean(option, [name for name in known if name.startswith("--")])
        return f"unknown option {option} of `{path}`", f"{mend} {help_line}".strip()
    text = error.format_message().strip().rstrip(".").replace("\n", " ")
    text = text.replace("Input should be", "must be").replace("integer", "whole number")
    return text[:1].lower() + text[1:] + _given(error), help_line


def _given(error: TyperException) -> str:
    """Return the value that could not be read, which typer leaves out of its message."""
    findings = getattr(error.__cause__, "errors", None)
    if not callable(findings) or not (found := findings()):
        return ""
    return f", was {found[0]['input']!r}"


def _defect(error: BaseException) -> tuple[str, str]:
    what = f"this is a defect of mettle ({type(error).__name__}: {error})"
    name = f"mettle-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    path = Path(tempfile.gettempdir()) / name
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return what, "run it again with --debug and report the traceback"
    return what, f"please report it with the traceback in {path}"
