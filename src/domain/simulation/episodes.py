"""Where an episode begins: a hash, so that no order of execution can change it."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import DataError

_MASK = 2**64 - 1


def mix(value: int) -> int:
    """Return one output of splitmix64 (Steele, Lea & Flood 2014) on ``value``, modulo 2⁶⁴."""
    z = (value + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def episode_hash(seed: int, environment: int, episode: int) -> int:
    """Return the 64 bits that belong to one episode of one environment."""
    return mix(mix(mix(seed & _MASK) ^ environment) ^ episode)


def allowed_starts(
    blocks: Sequence[tuple[int, int]], valid: Sequence[bool], window: int
) -> list[int]:
    """Return the bars at which an episode may begin, rising.

    Args:
        blocks: Runs ``[start, stop)`` without a gap, in order of time.
        valid: Whether the features of all assets are known at a bar.
        window: Bars of features in one observation.
    """
    starts = []
    for first, stop in blocks:
        run = 0
        for bar in range(first, stop - 1):
            run = run + 1 if valid[bar] else 0
            if run >= window:
                starts.append(bar)
    return starts


def episode_start(starts: Sequence[int], seed: int, environment: int, episode: int) -> int:
    """Return the first bar of an episode.

    Raises:
        DataError: If no start is allowed.
    """
    if not starts:
        raise DataError(
            "no bar is left to start an episode at",
            mend="use a longer history, a shorter window or features with less warm-up",
        )
    return starts[episode_hash(seed, environment, episode) % len(starts)]
