"""The named risk profiles that ship with the package, one TOML file each."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from ...domain.errors import ConfigError
from ..suggest import did_you_mean

DEFAULT = "strict"
NAMES = ("strict", "integration", "activation", "timeline", "daily", "perpetual")
"""In the order of execution.md's table."""
NO_LIMITS, OWN = "none", "own"
LIMITS = (NO_LIMITS, OWN, *NAMES)
"""What a run may be told to keep to: nothing, the section ``[risk]``, or a named risk profile."""


UNSAID: dict[str, dict[str, Any]] = {
    "daily_loss": {"recovery": "next period"},
    "rolling_loss": {"window": "24h", "recovery": "24h"},
    "weekly_loss": {"recovery": "next period", "critical": True},
    "drawdown": {"critical": True},
    "consecutive_losses": {"recovery": "24h"},
    "api_failures": {"window": "1h", "recovery": "30m"},
    "api_latency": {"recovery": "30m"},
    "price_jump": {"window": "5m", "recovery": "30m"},
    "bad_actions": {"window": "1h", "recovery": "30m"},
    "margin": {"critical": True},
}
"""What holds for a breaker of which a profile gives no more than the limit."""


@cache
def _text(name: str) -> str:
    return (files(__package__) / "risk_profiles" / f"{name}.toml").read_text(encoding="utf-8")


def risk_profile_values(name: str) -> dict[str, Any]:
    """Return what a named profile sets, as the section ``[risk]`` would; decimals stay exact.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in NAMES:
        mend = did_you_mean(name, NAMES, f"use one of {', '.join(NAMES)}")
        raise ConfigError(f"risk.profile must be a named risk profile, was {name!r}", mend=mend)
    return tomllib.loads(_text(name), parse_float=Decimal)
