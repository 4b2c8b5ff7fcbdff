"""Bad settings are refused, with key, value and rule, before anything is opened; good ones pass.

The cases come from the schema itself: every key with values outside its bounds, off its grid and of
another kind, every section with a key too many, and every pair of limits that do not agree.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mettle.domain.errors import ConfigError
from mettle.entrypoints.places import Places
from mettle.entrypoints.settings import known_keys, resolve

from . import Outcome
from ._bad_cases import Bad, bad_cases, good_cases

LEAST = 300
_RULES = ("must", "needs", "is not", "unknown", "no feature is called")
_OUTWARD = {"socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir"}


class _Watch:
    """Notes what leaves the process while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = (
            event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        )
        if self.on and (event in _OUTWARD or writes):
            self.seen.append(f"{event} {arguments[0]!r}")


def run(full: bool) -> Outcome:
    """Try every case; ``full`` makes each of them a file, an environment and a flag in turn."""
    watch = _Watch()
    wrong: list[str] = []
    count, places = Counter[str](), ("flag", "environment", "file") if full else ("flag",)
    bad, good = list(bad_cases()), list(good_cases())
    for case in bad:
        # In the environment everything is text, so there 7 is a name like any other.
        fit = [one for one in places if one != "environment" or case.rule != "no text"]
        faults = ((place, _try_bad(case, place, watch)) for place in fit)
        wrong += [
            f"{case.key} = {case.value!r} ({place}): {said}" for place, said in faults if said
        ]
        count[case.rule] += 1
    refused = []
    for flags in good:
        for place in places:
            try:
                _resolve(flags, place, watch)
            except ConfigError as error:
                refused.append(f"{dict(flags)} ({place}): {error}")
    for line in [*wrong, *refused]:
        print(line)
    untouched = set(known_keys()) - {case.key for case in bad}
    print(f"{len(bad)} bad: " + ", ".join(f"{number} {rule}" for rule, number in count.items()))
    print(f"{len(good)} good; keys without a bad case: {sorted(untouched) or 'none'}")
    return Outcome(
        f"{len(bad) - len(wrong)} of {len(bad)} bad configurations refused with key, value and "
        f"rule before anything was opened, {len(refused)} of {len(good)} good ones refused",
        f"all of at least {LEAST}, and 0",
        not wrong and not refused and not untouched and len(bad) >= LEAST,
    )


def _try_bad(case: Bad, place: str, watch: _Watch) -> str:
    """Return what is wrong with how a bad case ends; empty if nothing is."""
    try:
        _resolve(case.flags, place, watch)
    except ConfigError as error:
        said = str(error)
    else:
        return "accepted"
    if watch.seen:
        return f"opened {watch.seen}"
    if case.key not in said:
        return f"names another key: {said}"
    if not any(text in said for text in case.shown()):
        return f"does not show the value: {said}"
    return "" if any(word in said for word in _RULES) else f"names no rule: {said}"


def _resolve(flags: Mapping[str, object], place: str, watch: _Watch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mettle.toml"
        file.write_text(_toml(flags) if place == "file" else "", encoding="utf-8")
        environment = {
            f"METTLE__{key.upper().replace('.', '__')}": str(v) for key, v in flags.items()
        }
        watch.seen, watch.on = [], True
        try:
            resolve(
                Places(Path(folder), file, "evidence"),
                flags=flags if place == "flag" else {},
                environment=environment if place == "environment" else {},
            )
        finally:
            watch.on = False
        left = sorted(path.name for path in Path(folder).iterdir())
        if left != ["mettle.toml"]:
            watch.seen.append(f"left {left}")


def _toml(flags: Mapping[str, object]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in flags.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value) if isinstance(value, (int, float)) else f'"{value}"'
