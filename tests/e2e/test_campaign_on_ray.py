"""Campaigns on a Ray cluster: none lost when a process dies, plain words if there is none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mettle
import pytest
from mettle.application.campaign.records import AttemptStatus
from mettle.application.campaign.standing import Standing
from mettle.domain.errors import NotFound, NotRunning
from tests.support.campaigns import workspace_with_bars
from tests.support.ray import missing, ray_cluster

_PATIENCE_S = 300.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """Yield the address of a Ray cluster."""
    if reason := missing():
        pytest.skip(reason)
    with ray_cluster(tmp_path) as address:
        yield address


def workers_of(home: Path) -> list[int]:
    """Return the worker processes of a workspace."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if b"campaign_worker" in words and str(home).encode() in words:
            found.append(int(place.name))
    return found


@pytest.mark.ray
def test_a_campaign_on_ray_survives_the_death_of_a_nodes_process(
    cluster: str, tmp_path: Path
) -> None:
    """Ray's process is killed with its worker on a leash: every trial is done, each once."""
    home = tmp_path / "home"
    killed: list[int] = []

    def kill_one(_now: Standing) -> None:
        for pid in workers_of(home)[:1] if not killed else ():
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            assert parent != os.getpid()
            os.kill(parent, 9)
            killed.append(pid)

    more = {"campaign__trials": 30, "campaign__folds": 2, "campaign__runner": "ray"}
    with workspace_with_bars(home, 800, **more, campaign__ray_address=cluster) as workspace:
        report = workspace.studies.run("s", agent="ema-cross", workers=2, on_standing=kill_one)
    assert killed
    assert report.standing.done == 30
    assert report.standing.counts[AttemptStatus.FAILED] == 0
    assert {one.error_class for one in report.failures} <= {"worker-died"}
    begun = time.monotonic()
    while workers_of(home):
        assert time.monotonic() - begun < _PATIENCE_S, "a worker outlived Ray's process"
        time.sleep(0.05)


@pytest.mark.ray
def test_the_verb_makes_a_cluster_of_its_own_and_says_nothing_else(tmp_path: Path) -> None:
    """`--ray-address local` needs no cluster; stdout stays one document."""
    if reason := missing():
        pytest.skip(reason)
    home = tmp_path / "home"
    workspace_with_bars(home, 800).close()
    words = ["-m", "mettle.entrypoints.cli.main", "-C", str(home), "--json", "study", "run", "s"]
    words += ["--strategy", "ema-cross", "--symbols", "SYN1/USDT", "--trials", "2"]
    words += ["--workers", "1", "--folds", "2", "--runner", "ray", "--ray-address", "local"]
    token = tmp_path / "token"
    token.write_text("a-token-of-the-tests-0123456789abcdef")
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "RAY_AUTH_TOKEN_PATH": str(token)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["completed"] == 2
    assert not workers_of(home)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.ray
@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "no Ray cluster answers at 127.0.0.1:"),
        ("auto", "no Ray cluster answered at 'auto'"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_at_once(
    tmp_path: Path, address: str | None, said: str
) -> None:
    """Ray itself would wait for minutes and end the process; and no study is left behind."""
    if reason := missing():
        pytest.skip(reason)
    named = address or f"127.0.0.1:{free_port()}"
    more = {"campaign__runner": "ray", "campaign__ray_address": named}
    with workspace_with_bars(tmp_path / "home", 800, **more) as workspace:
        with pytest.raises(NotRunning, match=said) as caught:
            workspace.studies.run("s", agent="ema-cross")
        assert "--ray-address" in caught.value.mend
        assert workspace.studies.list() == []


def test_ray_is_named_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which extra to install."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with mettle.open(tmp_path / "home", settings={"campaign.runner": "ray"}) as workspace:
        with pytest.raises(NotFound, match="not installed") as caught:
            workspace.studies.run("s", agent="ema-cross")
        assert "pip install 'mettle-trader[ray]'" in caught.value.mend
