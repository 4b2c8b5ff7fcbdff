"""Secrets: from the environment, or from a file that only its owner can read; never printed."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from ...domain.errors import ConfigError
from ..suggest import did_you_mean
from .layers import SECRETS

PREFIX = f"{SECRETS}__"
FILE_NAME = "secrets.toml"


class Secrets(BaseModel):
    """What must not be seen in a settings file, a log or a terminal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: SecretStr | None = None

    def texts(self) -> tuple[str, ...]:
        """Return what must be in no output; of a URL its password as well."""
        url = "" if self.database_url is None else self.database_url.get_secret_value()
        password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        return tuple(one for one in (url, password) if one)


def read_secrets(home: Path, environment: Mapping[str, str] = os.environ) -> Secrets:
    """Read ``METTLE_SECRET__…``, then ``secrets.toml`` in the workspace.

    Raises:
        ConfigError: If the file can be read by others, or a name is unknown. Values are never in
            the message.
    """
    values = _file(home / FILE_NAME)
    for name, value in environment.items():
        if name.startswith(PREFIX):
            values[name.removeprefix(PREFIX).lower()] = value
    for name in values:
        if name not in Secrets.model_fields:
            mend = did_you_mean(name, Secrets.model_fields, "remove it")
            raise ConfigError(f"unknown secret {name!r}", mend=mend)
    try:
        return Secrets.model_validate(values)
    except ValidationError:
        raise ConfigError("a secret must be text", mend=f"correct {home / FILE_NAME}") from None


def _file(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    if mode := path.stat().st_mode & 0o077:
        raise ConfigError(
            f"{path} can be read by others (mode lets {mode:03o} through)", mend=f"chmod 600 {path}"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigError(f"{path} is not valid TOML", mend='write it as name = "value"') from None
