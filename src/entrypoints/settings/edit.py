"""Changing one key of ``mettle.toml`` and nothing else: comments and order stay."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from pathlib import Path

from ...domain.errors import ConfigError
from .layers import flatten, key_lines

_OUTSIDE = re.compile(r",(?![^()]*\))")
"""Commas that part a list, and not those of macd(12,26,9)."""


def edited(text: str, key: str, value: str) -> str:
    """Return the file's text with ``key`` (dotted) set to ``value``.

    Args:
        text: Valid TOML.
        key: A known dotted key.
        value: TOML, or plain text, which is then quoted.

    Raises:
        ConfigError: If the present value spans several lines.
    """
    section, _, name = key.rpartition(".")
    line = f"{name} = {_toml(value)}"
    lines = text.splitlines()
    at = key_lines(text).get(key)
    if at is not None:
        comment = re.search(r"\s+#[^\"']*$", lines[at - 1])
        lines[at - 1] = line + (comment[0] if comment else "")
    elif not section:
        lines.insert(0, line)
    else:
        header = f"[{section}]"
        where = next(
            (i for i, one in enumerate(lines) if one.split("#")[0].strip() == header), None
        )
        if where is None:
            lines += ["", header, line]
        else:
            lines.insert(where + 1, line)
    result = "\n".join(lines) + "\n"
    try:
        held = dict(flatten(tomllib.loads(result)))
    except tomllib.TOMLDecodeError:
        held = {}
    if key not in held:
        raise ConfigError(
            f"{key} cannot be set here, its value spans several lines", mend="edit the file by hand"
        )
    return result


def replace_file(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` in one step; what was there stays until then."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            Path(name).chmod(path.stat().st_mode & 0o777)
        else:
            Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _toml(value: str) -> str:
    try:
        tomllib.loads(f"x = {value}")
    except tomllib.TOMLDecodeError:
        if "," in value:
            return json.dumps([part.strip() for part in _OUTSIDE.split(value)])
        return json.dumps(value, ensure_ascii=False)
    return value
