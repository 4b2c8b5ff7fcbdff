"""Making a workspace: a folder with ``mettle.toml`` and places for what comes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..domain.errors import ConfigError
from .places import CONFIG_NAME, KEY_FOLDER, KILL_FOLDER, Places
from .settings import resolve
from .settings.edit import replace_file

FOLDERS = ("data", "models", "runs", "reports", KILL_FOLDER)

_TEMPLATE = """\
# Settings of this workspace. `mettle config show --origin` lists every key, its value and where the
# value comes from; docs/reference/configuration.md says what each means. An environment variable
# such as METTLE__SIMULATION__SLIPPAGE wins over this file, a flag over both.

[market]
venue = "binance"
symbols = {symbols}
timeframe = {timeframe}

[simulation]
# Shares may be written as 0.0005, "0.05 %" or "5 bp".
initial_cash = 10000
slippage = "5 bp"
# Smaller changes of a weight are not traded: each one costs fees.
rebalance_band = "2 %"

[training]
frames = 1_000_000
seed = 1
"""

_IGNORED = "data/\nmodels/\nruns/\nreports/\nlogs/\nkill/\nkeys/\nmettle.db*\nsecrets.toml\n"


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What was made: paths that did not exist before, or were overwritten."""

    home: Path
    made: tuple[Path, ...]


def make_workspace(
    home: Path,
    *,
    symbols: Sequence[str] = ("BTC/USDT", "ETH/USDT"),
    timeframe: str = "1h",
    profile: str = "",
    overwrite: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Scaffold:
    """Make what is missing of a workspace; an existing ``mettle.toml`` is kept.

    Args:
        home: Its folder; made if need be.
        symbols: What is traded.
        timeframe: The bars.
        profile: A named profile of settings, or none.
        overwrite: Replace an existing ``mettle.toml``.
        environment: Variables that win over the file; none for a check of the file alone.

    Raises:
        ConfigError: If a setting breaks a rule; then nothing was written.
    """
    if home.exists() and not home.is_dir():
        raise ConfigError(f"{home} is a file, not a folder", mend="name another folder")
    config = home / CONFIG_NAME
    made: list[Path] = []
    if overwrite or not config.exists():
        text = _TEMPLATE.format(symbols=json.dumps(list(symbols)), timeframe=json.dumps(timeframe))
        text = f"profile = {json.dumps(profile)}\n\n{text}" if profile else text
        new = not home.exists()
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f".{CONFIG_NAME}.draft"
        try:
            draft.write_text(text, encoding="utf-8")
            resolve(Places(home, draft, "being made"), environment=environment or {})
            replace_file(config, text)
        except BaseException:
            draft.unlink(missing_ok=True)
            if new:
                home.rmdir()
            raise
        draft.unlink(missing_ok=True)
        made.append(config)
    return Scaffold(home, (*made, *make_folders(home)))


def make_folders(home: Path) -> list[Path]:
    """Make the folders and the key of a workspace that are not there yet, and return them."""
    from ..adapters.persistence.artefacts import Ed25519Keys

    made = []
    for name in FOLDERS:
        if not (home / name).exists():
            (home / name).mkdir()
            made.append(home / name)
    if not (home / KEY_FOLDER).exists():
        Ed25519Keys(home / KEY_FOLDER).make()
        made.append(home / KEY_FOLDER)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORED, encoding="utf-8")
        made.append(ignore)
    return made
