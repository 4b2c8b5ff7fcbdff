"""Writes the reference of the settings from their definitions.

``python -m mettle.entrypoints.settings.publish docs/reference`` after a change of a section.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from . import Settings
from .edit import replace_file
from .layers import PROFILES, flatten
from .risk import RiskSection
from .risk_profiles import NAMES

_INTRODUCTION = """\
# Settings

One file, `mettle.toml`, in the workspace. For each key the strongest of these wins:

1. a flag (`--frames 200000`, or `--set training.frames=200000` for any key);
2. the environment (`METTLE__TRAINING__FRAMES=200000`; lists with commas);
3. the file;
4. the named profile (`profile = "conservative"`, `--profile NAME`, or `METTLE__PROFILE`);
5. the default; for `[risk]` that is what `risk.profile` names.

`mettle config show --origin` says for each key which one it was, with the line of the file.
`mettle config set KEY VALUE` changes one key and keeps the rest of the file, `mettle config check`
checks it. A key that does not exist is refused, with the nearest one that does; so is a variable
like `METTLE_TRAINING__FRAMES` (one underscore), which would set nothing.

Shares, fees and distances are exact decimals and may be written as `0.0005`, `"0.05 %"` or
`"5 bp"`. Dates are UTC. `mettle.schema.json` beside this page is the JSON Schema for editors.

The workspace is the folder that `--home` (`-C`) names, else `METTLE_HOME`, else the nearest one
upward with a `mettle.toml`, else `$XDG_DATA_HOME/mettle`.

Secrets are no settings: they come from the environment (`METTLE_SECRET__DATABASE_URL`) or from
`secrets.toml` in the workspace, which must have mode 0600, and are never printed.
"""


def schema_text() -> str:
    """Return the JSON Schema."""
    return json.dumps(Settings.model_json_schema(by_alias=True), indent=2) + "\n"


def page_text() -> str:
    """Return the reference page."""
    parts = [_INTRODUCTION]
    defaults = Settings()
    sections = ((name, getattr(defaults, name)) for name in Settings.model_fields)
    parts += [_section(name, one) for name, one in sections if isinstance(one, BaseModel)]
    rows = [
        f"| {name} | {', '.join(f'`{key}` = {value}' for key, value in flatten(values))} |"
        for name, values in PROFILES.items()
    ]
    table = "\n".join(["| name | sets |", "|---|---|", *rows])
    parts.append(
        f"## Profiles\n\n`profile` chooses one of these, or one of your own "
        f"(`[profiles.NAME.SECTION]`).\n\n{table}\n"
    )
    return "\n".join([*parts, _risk_table()])


def _risk_table() -> str:
    """Return the risk profiles side by side, without the keys that none of them sets."""
    sections = [RiskSection.model_validate({"profile": name}) for name in NAMES]
    columns = [dict(flatten(one.model_dump(mode="json"))) for one in sections]
    rows = []
    for key in columns[0]:
        cells = [_cell(column, key) for column in columns]
        if key != "profile" and any(cells):
            rows.append(f"| `{key}` | {' | '.join(cells)} |")
    head = f"| key | {' | '.join(NAMES)} |\n|---|{'---|' * len(NAMES)}"
    table = "\n".join([head, *rows])
    return (
        "## Risk profiles\n\n`risk.profile` chooses one of these, the default is strict; any key "
        f"of `[risk]` beside it changes it.\n\n{table}\n"
    )


def _cell(column: Mapping[str, object], key: str) -> str:
    """Return a value; nothing for no limit, for what is off and for breakers without a limit."""
    breaker = key.partition(".")[0]
    limits = [column.get(f"{breaker}.{name}", column[key]) for name in ("limit", "hard")]
    return "" if "none" in limits or column[key] in {False, "0s"} else _default(column[key])


def _section(name: str, section: BaseModel) -> str:
    kind = type(section)
    rows, nested = [], []
    for field_name, field in kind.model_fields.items():
        key = f"{name}.{field.alias or field_name}"
        if isinstance(inner := getattr(section, field_name), BaseModel):
            nested.append(_section(key, inner))
            continue
        default = section.model_dump(mode="json")[field_name]
        rows.append(f"| `{key}` | {_default(default)} | {_meaning(field)} |")
    heading = f"## `[{name}]`\n\n{cleandoc(kind.__doc__ or '')}\n\n"
    table = "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])
    return "\n".join([heading + table + "\n", *nested])


def _default(value: object) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return f"`{value}`" if value != "" else ""


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


def main(folder: Path) -> None:
    """Write both files into ``folder``."""
    replace_file(folder / "mettle.schema.json", schema_text())
    replace_file(folder / "configuration.md", page_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
