"""Where settings come from, strongest first: flag, environment, file, named profile, default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...domain.errors import ConfigError

PREFIX = "METTLE__"
SECRETS = "METTLE_SECRET"
_HEADER = re.compile(r"^\s*\[([^\[\]]+)\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\-\"']+)\s*=")

PROFILES: dict[str, dict[str, Any]] = {
    "conservative": {
        "simulation": {
            "max_weight": "0.25",
            "gross_limit": "0.5",
            "stop_loss": "0.05",
            "trailing_stop": "0.08",
        }
    },
    "moderate": {
        "simulation": {
            "max_weight": "0.5",
            "gross_limit": "0.8",
            "stop_loss": "0.08",
            "trailing_stop": "0.12",
        }
    },
    "aggressive": {"simulation": {"max_weight": "1", "gross_limit": "1", "stop_loss": "0.15"}},
}
"""Profiles that need no definition; ``[profiles.NAME]`` in the file adds more."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Some settings and where each was written."""

    values: dict[str, Any]
    origins: dict[str, str]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a nested mapping with dotted keys."""
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name}.")
        else:
            yield name, value


def nest(flat: Mapping[str, object]) -> dict[str, Any]:
    """Turn dotted keys into a nested mapping; a key inside a value is a ConfigError."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
            if not isinstance(branch, dict):
                raise ConfigError(f"{section!r} in {key!r} is a value, not a section")
        branch[last] = value
    return tree


def merge(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``weak`` with everything of ``strong`` laid over it."""
    merged = dict(weak)
    for key, value in strong.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]  # both says so
    return merged


def flag_layer(flags: Mapping[str, object]) -> Layer:
    """Take settings named on the command line, by dotted key."""
    return Layer(nest(flags), dict.fromkeys(flags, "flag"))


def environment_layer(environment: Mapping[str, str] = os.environ) -> Layer:
    """Take ``METTLE__SIMULATION__SLIPPAGE`` and its like."""
    flat: dict[str, object] = {}
    origins = {}
    for name in sorted(environment):
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            flat[key] = environment[name]
            origins[key] = f"environment {name}"
    return Layer(nest(flat), origins)


def refuse_misspelt(environment: Mapping[str, str], sections: Iterable[str]) -> None:
    """Refuse a variable that is meant for a setting or a secret and would set none.

    Its value is not in the message: it may be a secret.

    Raises:
        ConfigError: For ``METTLE_TRAINING__FRAMES``, ``METTLE_PROFILE`` and their like.
    """
    meant = {one: f"{PREFIX}{one.upper()}" for one in sections}
    meant |= {"secret": SECRETS, "secrets": SECRETS}
    for name in sorted(environment):
        if not name.startswith("METTLE_") or name.startswith((PREFIX, f"{SECRETS}__")):
            continue
        first, _, rest = name.removeprefix("METTLE_").partition("_")
        start, rest = meant.get(first.lower(), ""), rest.lstrip("_")
        if not start and "__" not in name:
            continue
        write = f"{start or PREFIX + first}{'__' if rest else ''}{rest}"
        raise ConfigError(
            f"environment variable {name} names no setting and no secret",
            mend=f"write {write}, or unset {name}",
        )


def file_layer(path: Path) -> Layer:
    """Take a TOML file; decimals stay exact.

    Raises:
        ConfigError: If it is not TOML, with line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}", mend="correct the file at that place"
        ) from error
    lines = key_lines(text)
    origins = {
        key: f"{path.name}:{lines[key]}" if key in lines else path.name
        for key, _ in flatten(values)
    }
    return Layer(values, origins)


def key_lines(text: str) -> dict[str, int]:
    """Return the line (from 1) of each ``key =`` by dotted key."""
    section, found = "", {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = header[1].strip() + "."
        elif key := _KEY.match(line):
            found[section + key[1].strip("\"'")] = number
    return found


def profile_layer(name: str, own: Mapping[str, Any]) -> Layer:
    """Take a named profile, the file's own ones first.

    Raises:
        ConfigError: If there is none of that name.
    """
    from ..suggest import did_you_mean

    known = {**PROFILES, **own}
    if name not in known:
        mend = did_you_mean(name, known, f"use one of {', '.join(known)}")
        raise ConfigError(f"unknown profile {name!r}", mend=mend)
    values = known[name]
    if not isinstance(values, Mapping):
        raise ConfigError(f"profiles.{name} must be a table of sections, was {values!r}")
    return Layer(dict(values), {key: f"profile {name}" for key, _ in flatten(values)})
