"""Where a worker finds a user's function: by module or file and name, never by a pickle."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ...domain.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from .user_objective import CampaignTrial

UserFunction: TypeAlias = "Callable[[CampaignTrial], Any]"
"""Takes a trial, of which one of Optuna's is enough, and returns its value, or its values."""

SCRIPT = "__mettle_script__"
"""Name under which a worker loads a script: what it does only as ``__main__`` is left out."""


def function_place(function: UserFunction) -> dict[str, str]:
    """Return where another process finds a function; empty if it cannot.

    It cannot find what was made inside a function, in a notebook or at the prompt.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = getattr(function, "__qualname__", "")
    file = getattr(module, "__file__", None)
    if module is None or not file or Path(file).suffix != ".py" or not Path(file).is_file():
        return {}
    try:
        found = _named(module, name)
    except AttributeError:
        return {}
    if found is not function:
        return {}
    return {"module": module.__name__, "file": str(Path(file).resolve()), "name": name}


def load_function(place: Mapping[str, str]) -> UserFunction:
    """Return a user's function.

    Raises:
        NotFound: If it is not where it was.
        ConfigError: If only the process that began the campaign can find it.
    """
    if not place:
        raise ConfigError(
            "this study tries a function that only its own process can find",
            mend="call mettle.campaign(…, resume=True) there, or put the function into a module",
        )
    module, file, name = place["module"], Path(place["file"]), place["name"]
    if not file.is_file():
        raise NotFound(f"{file} is gone, which holds {name}", mend="put it back at that place")
    root = file.parents[module.count(".") + (file.name == "__init__.py")]
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        loaded = _script(file) if module == "__main__" else importlib.import_module(module)
        function: UserFunction = _named(loaded, name)
    except (ImportError, AttributeError) as error:
        raise NotFound(f"{file} has no {name} any more: {error}", mend="put it back") from error
    return function


def source_hash(place: Mapping[str, str]) -> str:
    """Return the first digits of the hash of a function's file, "" if there is none."""
    file = Path(place.get("file", ""))
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else ""


def _script(file: Path) -> Any:
    if SCRIPT in sys.modules:
        return sys.modules[SCRIPT]
    spec = importlib.util.spec_from_file_location(SCRIPT, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = sys.modules[SCRIPT] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _named(holder: Any, name: str) -> Any:
    for one in name.split("."):
        holder = getattr(holder, one)
    return holder
