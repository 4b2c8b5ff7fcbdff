"""Clock, ids and randomness."""

from __future__ import annotations

import time

import pytest
from mettle.adapters.system import (
    PhiloxRandomness,
    RandomIds,
    SequentialIds,
    SimulatedClock,
    SystemClock,
)
from mettle.domain.errors import InvalidValue


def test_a_simulated_clock_jumps() -> None:
    """Sleeping is a jump forward; a past instant changes nothing; it never moves back."""
    clock = SimulatedClock(1000)
    clock.sleep_until(5000)
    clock.sleep_until(2000)
    clock.advance(500)
    assert (clock.now_ms(), clock.monotonic()) == (5500, 4.5)
    with pytest.raises(InvalidValue, match="only moves forward"):
        clock.advance(-1)


def test_the_system_clock_tells_unix_milliseconds() -> None:
    """It agrees with the machine, and returns at once from a past instant."""
    clock = SystemClock()
    before = time.time_ns() // 1_000_000
    assert before <= clock.now_ms() <= before + 60_000
    clock.sleep_until(clock.now_ms() + 2)
    assert clock.now_ms() >= before + 2


class _SetBack(SystemClock):
    """A machine whose clock is set back by two seconds as soon as somebody sleeps."""

    def __init__(self) -> None:
        self._asked = 0

    def now_ms(self) -> int:
        """Return the time, two seconds less from the third question on."""
        self._asked += 1
        return super().now_ms() - (2_000 if self._asked > 2 else 0)


def test_a_clock_that_is_set_back_leaves_nobody_asleep() -> None:
    """The sleep ends when its time has passed, though the clock does not show the instant."""
    clock = _SetBack()
    due = clock.now_ms() + 20
    clock.sleep_until(due)
    assert clock.now_ms() < due


def test_ids_never_repeat() -> None:
    """Sequential ones count, random ones differ."""
    ids = SequentialIds()
    assert [ids.new("run"), ids.new("fill")] == ["run-00000001", "fill-00000002"]
    assert len({RandomIds().new("run") for _ in range(100)}) == 100


def test_a_stream_belongs_to_its_key() -> None:
    """Same seed and key: same numbers, whatever was drawn before; any other: others."""
    one, other = PhiloxRandomness(7), PhiloxRandomness(7)
    one.stream("elsewhere").random(10)
    numbers = one.stream("bars", 3).random(5).tolist()
    assert numbers == other.stream("bars", 3).random(5).tolist()
    for stream in (
        one.stream("bars", 4),
        one.stream("bars", "3"),
        PhiloxRandomness(8).stream("bars", 3),
    ):
        assert stream.random(5).tolist() != numbers
    with pytest.raises(InvalidValue, match="seed must lie in"):
        PhiloxRandomness(-1)
