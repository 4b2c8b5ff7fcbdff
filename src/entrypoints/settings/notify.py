"""The section ``[notify]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .texts import Section


class NotifySection(Section):
    """Messages to people: tripped breakers, pauses, kills, unknown orders, fills.

    They never hold up trading: what cannot be written at once waits, and what cannot wait is
    dropped and counted.
    """

    file: str = "logs/notices.jsonl"
    """One line of JSON a message; in the workspace unless absolute, empty writes none."""
    least: Literal["info", "warning", "critical"] = "warning"
    """The least severity that is written; fills and what ends by itself are `info`."""
    megabytes: int = Field(default=10, ge=1, le=1000)
    """Size at which a file is full and a new one begins."""
    keep: int = Field(default=5, ge=0, le=100)
    """Full files that stay, as `.1` (the newest), `.2` …"""
