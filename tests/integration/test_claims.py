"""Claims: one process at a time on a run or a study, and nothing left behind by a dead one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from mettle.adapters.persistence.claims import FileClaims
from mettle.domain.errors import RefusedForSafety, StorageError

HOLD = """
import sys, time
from pathlib import Path
from mettle.adapters.persistence.claims import FileClaims
with FileClaims(Path(sys.argv[1])).hold("run", "one"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_claim_is_refused(tmp_path: Path) -> None:
    """Who holds it is named; another name and another kind are free; the end frees it."""
    claims = FileClaims(tmp_path / "runs")
    assert not claims.held("run", "one")
    with claims.hold("run", "one"), claims.hold("run", "two"), claims.hold("study", "one"):
        assert claims.held("run", "one")
        with (
            pytest.raises(RefusedForSafety, match=r"process \d+ is at work on run 'one'"),
            claims.hold("run", "one"),
        ):
            pass
    assert not claims.held("run", "one")
    assert list((tmp_path / "runs" / ".claims").iterdir()) == []
    with claims.hold("run", "one"):
        pass


def test_looking_never_takes_a_claim(tmp_path: Path) -> None:
    """Asking who is at work writes nothing."""
    assert not FileClaims(tmp_path).held("run", "one")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_claim(tmp_path: Path) -> None:
    """The system drops the claim with its holder, even on SIGKILL."""
    claims = FileClaims(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    assert claims.held("run", "one")
    with (
        pytest.raises(RefusedForSafety, match=f"process {child.pid}"),
        claims.hold("run", "one"),
    ):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not claims.held("run", "one")
    with claims.hold("run", "one"):
        pass


def test_a_claim_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the place of the folder is a storage error with its mend."""
    (tmp_path / "runs").write_text("", encoding="utf-8")
    claims = FileClaims(tmp_path / "runs")
    with pytest.raises(StorageError, match="cannot use"), claims.hold("run", "one"):
        pass


def test_many_at_once_take_turns(tmp_path: Path) -> None:
    """However the files come and go, never do two hold the same name."""
    claims, inside, most, refused = FileClaims(tmp_path), [0], [0], [0]

    def work() -> None:
        for _ in range(50):
            try:
                with claims.hold("run", "one"):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
            except RefusedForSafety:
                refused[0] += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert most[0] == 1
    assert refused[0] < 200
