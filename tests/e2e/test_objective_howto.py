"""The example of docs/how-to/objectives.md: run as it stands, interrupted, and gone on with."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import mettle
from mettle.application.campaign.records import AttemptStatus
from mettle.domain.errors import MettleError
from mettle.entrypoints.campaign_container import CampaignContainer

_PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "objectives.md"
_PATIENCE_S = 300.0


def claimed(home: Path) -> bool:
    """Return whether a worker has begun."""
    if not (home / "mettle.toml").exists():
        return False
    try:
        with mettle.open(home) as workspace:
            parts = CampaignContainer(resolved=workspace.resolved)
            try:
                found = parts.store().attempts("descent")
                return any(one.claimed_at is not None for one in found)
            finally:
                parts.shutdown_resources()
    except MettleError:
        return False  # it is being made


def test_the_example_runs_and_survives_ctrl_c(tmp_path: Path) -> None:
    """The page's script: Ctrl-C ends it, the same script and the command line know the rest."""
    code = re.search(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    script, home = tmp_path / "descent.py", tmp_path / "my-bot"
    script.write_text(code[1], encoding="utf-8")
    command = [sys.executable, script.name]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as first:
        begun = time.monotonic()
        while first.poll() is None and not claimed(home):
            assert time.monotonic() - begun < _PATIENCE_S
            time.sleep(0.5)
        first.send_signal(signal.SIGINT)
        assert first.stderr is not None
        said = first.stderr.read()
    assert first.returncode == 0 or "KeyboardInterrupt" in said, said
    with mettle.open(home) as workspace:
        report = workspace.studies.show("descent")
    assert report.standing.counts[AttemptStatus.RUNNING] == 0
    assert report.failures == []
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("descent-00")
    command = [sys.executable, "-m", "mettle.entrypoints.cli.main", "-C", str(home)]
    command += ["study", "resume", "descent"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert str(script) in text.replace("\n", "")
    assert "minimize value" in text
    with mettle.open(home) as workspace:
        counts = workspace.studies.show("descent").standing.counts
    assert counts[AttemptStatus.COMPLETED] + counts[AttemptStatus.PRUNED] == 8
