"""The native kernels are reached through adapters only (import-linter cannot see an extension)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src"


def names_imported(source: str) -> set[str]:
    """Return every module and name that ``source`` imports, without leading dots."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {alias.name for alias in node.names}
    return found


def test_the_search_finds_an_import_of_the_kernels() -> None:
    """The check below can fail."""
    assert "_native" in names_imported("from ... import _native")


@pytest.mark.parametrize("layer", ["domain", "application", "entrypoints/cli"])
def test_only_adapters_import_the_kernels(layer: str) -> None:
    """Rules, use cases and the command line know the native kernels by their ports."""
    files = sorted((ROOT / layer).rglob("*.py"))
    assert files
    offenders = [
        str(path.relative_to(ROOT))
        for path in files
        if "_native" in names_imported(path.read_text())
    ]
    assert not offenders
