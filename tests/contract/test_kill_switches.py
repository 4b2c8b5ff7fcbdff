"""One contract for every kill switch, and what a file adds to it."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mettle.adapters.system.kill_switch import FileKillSwitch, MemoryKillSwitch
from mettle.application.ports.kill_switch import EVERY_ACCOUNT, KillSwitch
from mettle.domain.errors import StorageError

MakeSwitch = Callable[[], KillSwitch]


@pytest.fixture(params=["file", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeSwitch:
    """Return a way to see the same flags again."""
    if request.param == "memory":
        memory = MemoryKillSwitch()
        return lambda: memory
    return lambda: FileKillSwitch(tmp_path / "flags" / "deep")


def test_a_flag_is_seen_by_everybody(make: MakeSwitch) -> None:
    """Whoever looks sees the reason, of this account only, until it is cleared."""
    one, other = make(), make()
    assert one.reason("live:binance:main") is None
    one.set("live:binance:main", "daily loss\n")
    assert other.reason("live:binance:main") == "daily loss"
    assert other.reason("live:binance:mai") is None
    other.clear("live:binance:main")
    assert one.reason("live:binance:main") is None


def test_the_first_reason_stays(make: MakeSwitch) -> None:
    """A second kill changes nothing, and a flag without a reason kills too."""
    switch = make()
    switch.set("a", "")
    switch.set("a", "later")
    assert switch.reason("a") == "killed"
    switch.clear("a")
    switch.set("a", "again")
    assert switch.reason("a") == "again"


def test_one_flag_kills_every_account(make: MakeSwitch) -> None:
    """The flag of all stops whoever trades, now or later; an account's own outlasts it."""
    switch = make()
    switch.set(EVERY_ACCOUNT, "all")
    switch.set("a", "own")
    assert (switch.reason("a"), switch.reason("begins later")) == ("own", "all")
    switch.clear("begins later")
    assert make().reason("begins later") == "all"
    switch.clear(EVERY_ACCOUNT)
    assert (switch.reason("a"), switch.reason("begins later")) == ("own", None)


def test_clearing_what_is_not_set_does_nothing(make: MakeSwitch) -> None:
    """A re-arm of an account that was not killed is no error."""
    switch = make()
    switch.clear("a")
    assert switch.reason("a") is None


@pytest.mark.parametrize("account", ["a_b", "a:b", "a/b", "a%b", "a b", "..", "Ä", "a" * 80])
def test_accounts_never_share_a_flag(make: MakeSwitch, account: str) -> None:
    """However odd a name is, it kills itself and nobody else, and stays in its folder."""
    switch = make()
    switch.set(account, "one")
    others = {"a_b", "a:b", "a/b", "a%b", "a b", "..", "Ä", "a%3Ab", "a"} - {account}
    assert switch.reason(account) == "one"
    assert [name for name in others if switch.reason(name) is not None] == []


def test_many_may_set_at_once(make: MakeSwitch) -> None:
    """Of many who kill at once one reason stays, whole."""
    switches = [make() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda pair: pair[1].set("a", f"by {pair[0]}"), enumerate(switches)))
    assert make().reason("a") in {f"by {place}" for place in range(16)}


def test_another_process_sees_the_file(tmp_path: Path) -> None:
    """The flag of one process stops the others, without any database."""
    code = (
        "import sys; from pathlib import Path;"
        "from mettle.adapters.system.kill_switch import FileKillSwitch;"
        "FileKillSwitch(Path(sys.argv[1])).set('a', 'from elsewhere')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert FileKillSwitch(tmp_path).reason("a") == "from elsewhere"


def test_what_cannot_be_read_counts_as_set(tmp_path: Path) -> None:
    """A folder in its place, bytes that are no text, a link to nowhere: all of them kill."""
    switch = FileKillSwitch(tmp_path)
    switch.path("folder").mkdir()
    switch.path("bytes").write_bytes(b"\xff\xfe")
    switch.path("link").symlink_to(tmp_path / "nowhere")
    switch.path("empty").touch()
    for account in ("folder", "bytes", "link", "empty"):
        assert switch.reason(account) is not None
        switch.set(account, "again")
        assert switch.reason(account) is not None


def test_what_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    """If no flag can be made the caller knows, and the account counts as killed all the same."""
    (tmp_path / "file").touch()
    switch = FileKillSwitch(tmp_path / "file")
    with pytest.raises(StorageError, match="by hand"):
        switch.set("a", "x")
    assert switch.reason("a") is not None
    with pytest.raises(StorageError, match="by hand"):
        switch.clear("a")


def test_a_full_disk_still_kills(tmp_path: Path) -> None:
    """A flag whose reason found no room is a flag."""
    switch = FileKillSwitch(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        switch.set("a", "no room for this")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert switch.reason("a") == "killed"
    assert [path.name for path in tmp_path.iterdir()] == ["a.kill"]
