"""One line of `mettle doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor.

    Attributes:
        mend: What puts it right; empty where all is well.
    """

    name: str
    verdict: Verdict
    detail: str
    mend: str = ""
