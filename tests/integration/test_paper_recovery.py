"""A session that dies anywhere goes on as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import SqlStore
from mettle.application.journal import RunStatus, SnapshotRecord
from mettle.application.ports.unit_of_work import Store
from mettle.domain.errors import StorageError
from mettle.domain.simulation import SimulationSettings
from sqlalchemy import create_engine, text
from tests.support.lockstep import Played, play, read
from tests.support.paper_child import BARS, NAMES, settings
from tests.support.sessions import RUN, Moody, panel, session, start_of

CHILD = Path(__file__).parents[1] / "support" / "paper_child.py"


def child(database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a session in a process of its own."""
    command = [sys.executable, str(CHILD), str(database), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def whole() -> Played:
    """Return what an uninterrupted run leaves."""
    return play(panel(BARS, NAMES, gaps=0.02), Moody(), settings(ruin=False), MemoryStore())


@pytest.fixture(scope="module")
def ruined() -> Played:
    """Return what an uninterrupted run to the ruin leaves."""
    played = play(panel(BARS, NAMES, gaps=0.02), Moody(), settings(ruin=True), MemoryStore())
    assert {fill.reason for fill in played.fills} >= {0, 4}
    return played


@pytest.mark.parametrize(
    ("how", "deaths"), [("before", (40, 50)), ("between", (45,)), ("after", (45,))]
)
def test_kill_9_loses_and_doubles_nothing(
    tmp_path: Path, whole: Played, how: str, deaths: tuple[int, ...]
) -> None:
    """Killed before, in and after a commit, then resumed: the same run as without a death."""
    database = tmp_path / "mettle.db"
    for bar in deaths:
        assert child(database, str(bar), how).returncode == -signal.SIGKILL
    with SqlStore(database) as store:
        partial = read(store)
        assert 0 < len(partial.marks) < len(whole.marks)
        assert partial.marks == whole.marks[: len(partial.marks)]
    done = child(database)
    assert (done.returncode, done.stdout.strip()) == (0, "finished"), done.stderr
    with SqlStore(database) as store:
        assert read(store) == whole
        with store.reading() as unit:
            assert list(unit.orders.live(RUN)) == []


def test_kill_9_in_the_middle_of_a_ruin(tmp_path: Path, ruined: Played) -> None:
    """Killed between the exits' commit and their sending, the exits still happen, once."""
    database = tmp_path / "mettle.db"
    last_bar = len(ruined.marks)
    # One commit a bar, one for the run itself: the next one after the last bar is the exits'.
    assert child(database, str(last_bar + 1), "after", "ruin").returncode == -signal.SIGKILL
    with SqlStore(database) as store:
        assert len(read(store).marks) == last_bar - 1
    done = child(database, "ruin")
    assert (done.returncode, done.stdout.strip()) == (0, "ruined"), done.stderr
    with SqlStore(database) as store:
        assert read(store) == ruined


def stopped_after(store: Store, bars: int) -> RunStatus:
    """Run a session and stop it between two bars."""
    market, agent = panel(BARS, NAMES, gaps=0.02), Moody()
    made = session(market, agent, settings(ruin=False), store, start=start_of(market, agent))
    return made.run(should_stop=lambda: made.bars >= bars)


def test_a_stop_between_bars_keeps_everything(whole: Played) -> None:
    """Stopped and resumed again and again, a run ends as if it had never stopped."""
    store = MemoryStore()
    for bars in (1, 1, 7, 60):
        assert stopped_after(store, bars) is RunStatus.STOPPED
        with store.reading() as unit:
            assert unit.runs.get(RUN).status is RunStatus.STOPPED
    assert stopped_after(store, 10**9) is RunStatus.FINISHED
    assert read(store) == whole


def test_a_damaged_snapshot_is_rebuilt_from_the_bars(whole: Played) -> None:
    """The snapshot is a shortcut: spoilt, it costs time and changes nothing."""
    store = MemoryStore()
    stopped_after(store, 70)
    with store.writing() as unit:
        kept = unit.snapshots.get(RUN, "features")
        assert kept is not None
        spoilt = bytes([kept.content[-1] ^ 1])
        unit.snapshots.put(replace(kept, content=kept.content[:-1] + spoilt))
        unit.commit()
    stopped_after(store, 10**9)
    assert read(store) == whole


def test_a_foreign_snapshot_is_rebuilt_too(whole: Played) -> None:
    """A snapshot that is much too short is passed over."""
    store = MemoryStore()
    stopped_after(store, 70)
    with store.writing() as unit:
        unit.snapshots.put(SnapshotRecord(RUN, "features", 0, b"?"))
        unit.commit()
    stopped_after(store, 10**9)
    assert read(store) == whole


TAMPERED = {
    "a bar": "UPDATE seen_bars SET close = close + 1 WHERE place = 0 AND open_time = "
    "(SELECT MIN(open_time) + 36000000 FROM seen_bars)",
    "a fill": "UPDATE fills SET realised = realised + 1 WHERE sequence = 5",
    "a fee": "UPDATE fills SET fee = fee + 1 WHERE sequence = 5",
    "a posting": "UPDATE ledger_postings SET amount = '0.5' WHERE sequence = 3 AND place = 0",
    "a mark": "UPDATE equity_marks SET equity = equity + 1 WHERE bar_time = "
    "(SELECT MAX(bar_time) FROM equity_marks)",
    "a lost entry": "PRAGMA foreign_keys=OFF; DELETE FROM ledger_postings WHERE sequence = 4; "
    "DELETE FROM ledger_entries WHERE sequence = 4",
    "a lost bar": "DELETE FROM seen_bars WHERE place = 1 AND open_time = "
    "(SELECT MIN(open_time) + 36000000 FROM seen_bars)",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_journal_is_refused(tmp_path: Path, what: str) -> None:
    """Whatever was changed behind our back is noticed before anything is traded."""
    database = tmp_path / "mettle.db"
    with SqlStore(database) as store:
        stopped_after(store, 60)
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        for statement in TAMPERED[what].split("; "):
            connection.execute(text(statement))
    engine.dispose()
    with SqlStore(database) as store:
        before = read(store)
        with pytest.raises(StorageError, match="restore a backup"):
            stopped_after(store, 10**9)
        assert read(store) == before


def test_batches_of_bars_end_the_same(tmp_path: Path, whole: Played) -> None:
    """Committing every seven bars changes nothing but the number of commits."""
    market, agent = panel(BARS, NAMES, gaps=0.02), Moody()
    with SqlStore(tmp_path / "mettle.db") as store:
        start = start_of(market, agent)
        session(market, agent, settings(ruin=False), store, start=start, commit_every=7).run()
        assert read(store) == whole


def test_recovery_before_the_first_bar(tmp_path: Path) -> None:
    """A run that was written down and saw no bar begins from nothing."""
    market, agent = panel(60), Moody()
    with SqlStore(tmp_path / "mettle.db") as store:
        first = session(market, agent, SimulationSettings(), store, start=start_of(market, agent))
        second = session(market, agent, SimulationSettings(), store, start=start_of(market, agent))
        assert second.run() is RunStatus.FINISHED
        assert first.bars == 0
