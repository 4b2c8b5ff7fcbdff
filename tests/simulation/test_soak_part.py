"""The soak: what is measured in a short one, and that a leak would be seen."""

from __future__ import annotations

from dataclasses import replace

from tests.support.dst.soak import Between, Sample, Soaked, alone, part_of

GOOD = [Sample(at / 4, 100_000_000 + at, 1_000_000, 1, 12, 10**6 * at, 90) for at in range(1, 5)]
BETWEEN = [Between(at / 4, 1, 8) for at in range(1, 5)]


def soaked(last: Sample, ended: Between = BETWEEN[-1]) -> Soaked:
    """Return a day whose last sample is this one, and whose last life left this behind."""
    between = [*BETWEEN[:-1], ended]
    return Soaked(1, [*GOOD[:-1], last], {"end": 1}, 9, 20.0, 19.0, 288, between=between)


def test_an_hour_comes_right() -> None:
    """A session lives an hour through faults in a process of its own, and is measured."""
    found = alone(1 / 24, traced=True, every=15 * 60_000)
    assert found.wrong == []
    assert found.bars > 6
    assert len(found.samples) >= 3
    assert all(one.resident > 10**6 and one.descriptors > 2 for one in found.samples)
    assert all(one.blocks > 0 and one.database > 0 for one in found.samples)
    assert all(one.descriptors > found.between[-1].descriptors > 2 for one in found.samples)


def test_leaks_are_seen() -> None:
    """Planted: memory, a thread, a descriptor, time and a difference each fall short."""
    last = GOOD[-1]
    good = soaked(last)
    assert part_of(good, good).holds
    assert not part_of(soaked(replace(last, resident=106_000_000)), good).holds
    assert not part_of(good, soaked(replace(last, blocks=6_100_000))).holds
    assert part_of(soaked(replace(last, descriptors=14)), good).holds, "a pool's connection"
    assert not part_of(soaked(last, Between(1, 2, 8)), good).holds
    assert not part_of(soaked(last, Between(1, 1, 9)), good).holds
    month = replace(good, days=30, samples=[replace(one, day=30 * one.day) for one in GOOD])
    month.between = [replace(one, day=30 * one.day) for one in BETWEEN]
    assert part_of(replace(month, cpu_seconds=599.0), good).holds
    assert not part_of(replace(month, cpu_seconds=601.0), good).holds
    assert not part_of(replace(good, wrong=["BTC/USDT: 1 here, 2 there"]), good).holds
