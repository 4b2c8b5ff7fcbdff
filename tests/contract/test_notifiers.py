"""One contract for every notifier: never in the way, whatever the sink does."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from mettle.adapters.notification import LogNotifier, MemoryNotifier, RotatingFile
from mettle.adapters.notification.background import BackgroundNotifier
from mettle.application.ports.notifier import Notice, Notifier, Severity

CAPACITY = 10
PATIENCE_S = 60.0


def notice(place: int, severity: Severity = Severity.INFO) -> Notice:
    """Return a message."""
    return Notice(severity, "fill", f"message {place}", 1_700_000_000_123 + place)


class Hung:
    """A sink that takes a message and never comes back, until it is let go."""

    def __init__(self) -> None:
        self.entered, self.free = threading.Event(), threading.Event()
        self.taken: list[Notice] = []

    def __call__(self, notice: Notice) -> None:
        """Take a message and hang."""
        self.entered.set()
        self.free.wait()
        self.taken.append(notice)


class Broken(io.StringIO):
    """A stream that fails."""

    def write(self, text: str, /) -> int:
        """Fail."""
        raise OSError(28, "no space left on device")


@pytest.fixture
def hung() -> Iterator[Hung]:
    """Yield a sink that hangs as long as the test runs."""
    sink = Hung()
    yield sink
    sink.free.set()


@pytest.fixture(params=["memory", "log", "hung", "broken"])
def notifier(request: pytest.FixtureRequest, hung: Hung) -> Notifier:
    """Return a notifier with little room."""
    makers: dict[str, Callable[[], Notifier]] = {
        "memory": lambda: MemoryNotifier(CAPACITY),
        "log": lambda: LogNotifier(io.StringIO(), capacity=CAPACITY),
        "hung": lambda: BackgroundNotifier(hung, capacity=CAPACITY),
        "broken": lambda: LogNotifier(Broken(), capacity=CAPACITY),
    }
    return makers[request.param]()


def test_sending_never_blocks_and_never_raises(notifier: Notifier) -> None:
    """Thousands of messages go through, from many threads, whatever becomes of them."""
    assert notifier.dropped == 0
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: notifier.send(notice(place)), range(2_000)))
    assert 0 <= notifier.dropped <= 2_000


def test_the_newest_messages_are_kept() -> None:
    """Memory drops the oldest and counts them."""
    notifier = MemoryNotifier(CAPACITY)
    for place in range(CAPACITY + 3):
        notifier.send(notice(place))
    assert notifier.notices == tuple(notice(place) for place in range(3, CAPACITY + 3))
    assert notifier.dropped == 3


def test_a_hanging_sink_costs_the_oldest_messages(hung: Hung) -> None:
    """Behind a hanging sink the newest messages wait; let go, it gets them in order."""
    notifier = BackgroundNotifier(hung, capacity=CAPACITY)
    notifier.send(notice(0))
    assert hung.entered.wait(PATIENCE_S)
    for place in range(1, CAPACITY + 6):
        notifier.send(notice(place))
    assert notifier.dropped == 5
    assert not notifier.flush(0.0)
    hung.free.set()
    assert notifier.flush(PATIENCE_S)
    assert hung.taken == [notice(0), *(notice(place) for place in range(6, CAPACITY + 6))]


def test_closing_does_not_wait_for_a_hanging_sink(hung: Hung) -> None:
    """The end of a session leaves a hanging sink behind and counts what it did not take."""
    notifier = BackgroundNotifier(hung, capacity=CAPACITY)
    notifier.send(notice(0))
    assert hung.entered.wait(PATIENCE_S)
    notifier.send(notice(1))
    notifier.close(0.0)
    notifier.send(notice(2))
    assert notifier.dropped == 2


def test_a_failing_sink_is_counted() -> None:
    """Messages that the log refused are lost, counted, and the next one is tried again."""
    notifier = LogNotifier(Broken())
    for place in range(3):
        notifier.send(notice(place))
    assert notifier.flush(PATIENCE_S)
    assert notifier.dropped == 3


def test_the_log_has_one_line_a_message() -> None:
    """Severity, topic, text and time are there for programs, in the order of sending."""
    stream = io.StringIO()
    notifier = LogNotifier(stream)
    for place, severity in enumerate(Severity):
        notifier.send(notice(place, severity))
    notifier.close(PATIENCE_S)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["level"] for one in lines] == ["info", "warning", "critical"]
    assert lines[0] == {
        "event": "message 0", "topic": "fill", "at": "2023-11-14T22:13:20.123+00:00",
        "level": "info",
    }  # fmt: skip
    assert notifier.dropped == 0


def test_only_what_is_urgent_enough_is_written() -> None:
    """What is less so is neither written nor lost; a line names its account."""
    stream = io.StringIO()
    notifier = LogNotifier(stream, least=Severity.WARNING)
    for severity in Severity:
        notifier.send(replace(notice(1, severity), account="live:x:main"))
    notifier.close(PATIENCE_S)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["level"] for one in lines] == ["warning", "critical"]
    assert {one["account"] for one in lines} == {"live:x:main"}
    assert notifier.dropped == 0


def test_no_line_holds_a_secret() -> None:
    """Whatever a message was made of."""
    stream = io.StringIO()
    notifier = LogNotifier(stream, secrets=("hunter2", ""))
    notifier.send(replace(notice(1), text="cannot open postgresql://me:hunter2@host/db"))
    notifier.close(PATIENCE_S)
    assert json.loads(stream.getvalue())["event"] == "cannot open postgresql://me:*****@host/db"


def test_files_rotate_and_stay_few(tmp_path: Path) -> None:
    """Every line is whole and in one file; the newest are kept, readable by their owner alone."""
    path = tmp_path / "logs" / "notices.jsonl"
    writers = [RotatingFile(path, largest=100, keep=2) for _ in range(2)]
    for place in range(40):
        print(f"line {place:02d} of forty", file=writers[place % 2])
    files = [path.with_name(f"{path.name}.2"), path.with_name(f"{path.name}.1"), path]
    assert sorted(path.parent.iterdir()) == sorted([*files, path.with_name(f"{path.name}.lock")])
    lines = [line for one in files for line in one.read_text().splitlines()]
    assert lines == [f"line {place:02d} of forty" for place in range(40 - len(lines), 40)]
    assert all(one.stat().st_size <= 100 for one in files)
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}


def test_a_file_that_was_moved_away_begins_anew(tmp_path: Path) -> None:
    """Whoever rotates it himself does no harm; a folder that is in the way costs the lines."""
    path = tmp_path / "notices.jsonl"
    notifier = LogNotifier(RotatingFile(path, keep=0))  # type: ignore[arg-type]  # a text file
    notifier.send(notice(1))
    assert notifier.flush(PATIENCE_S)
    path.rename(tmp_path / "mine")
    notifier.send(notice(2))
    assert notifier.flush(PATIENCE_S)
    assert json.loads(path.read_text())["event"] == "message 2"
    path.unlink()
    path.mkdir()
    notifier.send(notice(3))
    assert notifier.flush(PATIENCE_S)
    assert notifier.dropped == 1


def test_nothing_starts_before_the_first_message() -> None:
    """A notifier nobody uses has no thread, and a closed one leaves none."""
    before = threading.active_count()
    notifier = LogNotifier(io.StringIO())
    assert threading.active_count() == before
    notifier.send(notice(0))
    notifier.close(PATIENCE_S)
    assert threading.active_count() == before
