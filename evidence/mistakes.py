"""Common mistakes end with the right exit code, a message that names the mend, and no harm."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from . import Outcome

ROOT = Path(__file__).parent.parent
LEAST = 15


def run(full: bool) -> Outcome:
    """Make every mistake of the test; the short form leaves out those in their own process."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    chosen = [] if full else ["-k", "test_mistake and not process"]
    done = subprocess.run(
        [*command, "tests/e2e/test_mistakes.py", *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout[-2000:])
    passed, failed = _count("passed", done.stdout), _count("failed|error", done.stdout)
    return Outcome(
        f"{passed} of {passed + failed} mistakes end with their exit code and a mend",
        f"at least {LEAST}, all of them",
        done.returncode == 0 and passed >= LEAST and failed == 0,
    )


def _count(what: str, text: str) -> int:
    return sum(int(number) for number in re.findall(rf"(\d+) (?:{what})", text))
