"""What the command-line tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.workspaces import make_small_workspace


@pytest.fixture(scope="session")
def small_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace that is made once and only read or copied."""
    home = tmp_path_factory.mktemp("small") / "workspace"
    make_small_workspace(home)
    return home


@pytest.fixture
def home(small_workspace: Path, tmp_path: Path) -> Path:
    """Return a copy of the small workspace."""
    shutil.copytree(small_workspace, tmp_path / "workspace")
    return tmp_path / "workspace"
