"""Small words of the tear sheet."""

from __future__ import annotations

from datetime import UTC, datetime

from ....domain.simulation.settings import SimulationSettings

_WEIGHTS = (
    "max_weight", "gross_limit", "threshold", "increment", "rebalance_band", "soft_margin",
    "hard_margin", "ruin_level",
)  # fmt: skip
_NAMES = ("scheme", "execution", "stop_kind", "reward")
_OFF_AT_0 = ("participation", "stop_loss", "trailing_stop", "rebalance_band")
_PLAIN = {"leverage": "{}×", "maker_wait": "{} s", "reward_halflife": "{} bars"}


def instant(time_ms: int) -> str:
    """Return ``2026-01-31 14:00``."""
    return datetime.fromtimestamp(int(time_ms) / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def date(time_ms: int) -> str:
    """Return ``31 Jan 2026``."""
    return datetime.fromtimestamp(int(time_ms) / 1000, UTC).strftime("%-d %b %Y")


def settings_rows(settings: SimulationSettings) -> list[tuple[str, str]]:
    """Return the settings in a reader's units, without the starting cash."""
    rows = settings.to_dict()
    del rows["initial_cash"]
    return [(name.replace("_", " "), _setting(settings, name, rows[name])) for name in rows]


def _setting(settings: SimulationSettings, name: str, value: int) -> str:
    if name in _NAMES:
        return str(getattr(settings, name).name).lower().replace("_", " ")
    if name == "allow_short":
        return "yes" if value else "no"
    if name in _PLAIN:
        return _PLAIN[name].format(value)
    if value == 0 and name in _OFF_AT_0:
        return "off"
    scale = 100 if name in _WEIGHTS else 10_000
    return f"{value / scale:g} %"
