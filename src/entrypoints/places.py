"""Where a workspace is, and what lies where in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..domain.errors import NotFound

CONFIG_NAME = "mettle.toml"
KILL_FOLDER = "kill"
"""Kill flags; never anywhere else, so that a kill needs no settings."""

KEY_FOLDER = "keys"
"""Keys that models are signed with: beside the models' folder, never in it."""


@dataclass(frozen=True, slots=True)
class Places:
    """A workspace's folder and its settings file.

    Attributes:
        how: Why this folder was chosen, in words.
    """

    home: Path
    config: Path
    how: str


def find(home: Path | None = None, config: Path | None = None) -> Places:
    """Return the workspace to use.

    ``home`` decides, else ``METTLE_HOME``, else the nearest folder upward with a ``mettle.toml``,
    else the user's data folder.

    Raises:
        NotFound: If there is no ``mettle.toml`` in it.
    """
    folder, how = _folder(home)
    file = config.expanduser().absolute() if config else folder / CONFIG_NAME
    if not file.is_file():
        if config:
            raise NotFound(f"no settings file at {file}", mend="check the path of --config")
        name = "" if how.startswith("nothing") else f" {folder}"
        raise NotFound(
            f"no workspace: there is no {CONFIG_NAME} in {folder} ({how})",
            mend=f"make one with `mettle init{name}`, or name another with --home",
        )
    return Places(folder, file, how)


def _folder(home: Path | None) -> tuple[Path, str]:
    if home is not None:
        return home.expanduser().absolute(), "asked for"
    if named := os.environ.get("METTLE_HOME"):
        return Path(named).expanduser().absolute(), "METTLE_HOME"
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder, "nearest folder upward"
    return user_folder(), f"nothing found from {here} upward"


def user_folder() -> Path:
    """Return the workspace for use outside any project, by the XDG rules."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "mettle"
