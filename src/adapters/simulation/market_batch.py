"""MarketBatch: thousands of native environments over one panel, as plain arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import _native
from ...application.market import MarketPanel, asset_terms
from ...domain.errors import DataError, InvalidValue
from ...domain.simulation.settings import SimulationSettings

ObservationMode = Literal["flat", "window", "index"]
Gaps = Literal["refuse", "segment", "hold"]


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How many environments there are, and what they play and show.

    Attributes:
        environments: Their number.
        seed: Of the episodes' starts.
        episode_length: Bars of one episode; 0 is to the end of the block.
        window: Bars of features in one observation.
        mode: ``flat`` (features of the last bar), ``window`` (of the last ``window`` bars) or
            ``index`` (only the bar's number, for a policy that gathers windows itself).
        threads: 0 is one a processor. Results do not depend on it.
        gaps: ``refuse`` a panel with missing bars, ``segment`` it into blocks without any, or
            ``hold`` positions through them.
        first_environment: Number of the first environment, where a population is split.
    """

    environments: int
    seed: int = 0
    episode_length: int = 512
    window: int = 1
    mode: ObservationMode = "flat"
    threads: int = 0
    gaps: Gaps = "refuse"
    first_environment: int = 0


class BatchOutput(NamedTuple):
    """What a step or a reset wrote; the arrays are overwritten by the step after the next.

    Attributes:
        observations: Shape (N, D), float32; of a finished environment those of its next episode.
        rewards: Shape (N,), float32.
        terminated, truncated, done: Shape (N,), bool.
    """

    observations: NDArray[np.float32]
    rewards: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    done: NDArray[np.bool_]


class FinishedEpisodes(NamedTuple):
    """Of each environment the end of its last finished episode; overwritten by the next end.

    Attributes:
        observations: Shape (N, D), float32.
        returns: Sums of rewards, shape (N,), float64.
        lengths: Steps, shape (N,), int32.
        equity: 1e-8 quote, shape (N,), int64.
    """

    observations: NDArray[np.float32]
    returns: NDArray[np.float64]
    lengths: NDArray[np.int32]
    equity: NDArray[np.int64]


def market_data(
    panel: MarketPanel, features: NDArray[np.float32], start: int = 0, stop: int | None = None
) -> _native.MarketData:
    """Copy bars ``start … stop − 1`` and their scaled features into the native layout.

    Args:
        features: Of those bars, shape (stop − start, A, F), float32, C-contiguous; F may be 0.

    Raises:
        InvalidValue: If shapes or types differ, or a price times its unit leaves 64 bits.
    """
    rows = slice(start, len(panel) if stop is None else stop)
    if features.ndim != 3 or features.shape[:2] != panel.close[rows].shape:
        raise InvalidValue(
            f"features must have shape (T, A, F) with (T, A) = {panel.close[rows].shape}, "
            f"was {features.shape}"
        )
    names = ("open", "high", "low", "close", "volume", "funding_open", "funding_inside")
    arrays: dict[str, Any] = {name: getattr(panel, name)[rows] for name in names}
    arrays["missing"] = panel.missing[rows].view(np.uint8)
    terms = [
        (one.unit_value, one.maker_ppm, one.taker_ppm, one.min_notional, int(one.is_perpetual))
        for one in asset_terms(panel)
    ]
    try:
        table = features.reshape(len(features), features.shape[1] * features.shape[2])
        return _native.MarketData(arrays, table, terms, panel.timeframe.seconds)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"the market cannot take this panel: {error}") from error


def refuse_gaps(panel: MarketPanel) -> None:
    """Refuse a panel with a missing bar.

    Raises:
        DataError: Naming the first gap.
    """
    missing = panel.missing
    rows = np.flatnonzero(missing.any(axis=1))
    if len(rows) == 0:
        return
    first = int(rows[0])
    column = int(np.flatnonzero(missing[first])[0])
    run = missing[first:, column]
    length = len(run) if run.all() else int(np.argmin(run))
    when = datetime.fromtimestamp(int(panel.open_time[first]) / 1000, tz=UTC)
    raise DataError(
        f"{panel.symbols[column]} lacks {length} bars of {panel.timeframe} from "
        f"{when:%Y-%m-%d %H:%M} UTC on; {len(rows)} of {len(panel)} bars are incomplete",
        mend='choose gaps="segment" to train inside the blocks, or a period without gaps',
    )


def starting_spans(
    panel: MarketPanel, valid: NDArray[np.bool_], window: int, gaps: Gaps
) -> NDArray[np.int64]:
    """Return the runs of bars at which an episode may start.

    Args:
        valid: Which features are known, shape (T, A).

    Returns:
        Rows (first, stop, last): starts ``first … stop − 1``, ending at bar ``last`` at the latest;
        shape (K, 3), int64, rising.

    Raises:
        DataError: If there is a gap and ``gaps`` refuses, or no start is left.
    """
    if gaps == "refuse":
        refuse_gaps(panel)
    known = np.maximum.accumulate(valid, axis=0) if gaps == "hold" else valid
    usable = np.logical_and.reduce(known, axis=1)
    blocks = ((0, len(panel)),) if gaps == "hold" else panel.blocks()
    spans = []
    for start, stop in blocks:
        bars = np.arange(start, stop - 1)
        unusable = np.where(usable[start : stop - 1], start - 1, bars)
        allowed = bars - np.maximum.accumulate(unusable) >= window
        edges = np.flatnonzero(np.diff(np.concatenate(([False], allowed, [False])).astype(np.int8)))
        spans += [(start + a, start + b, stop - 1) for a, b in edges.reshape(-1, 2).tolist()]
    if not spans:
        raise DataError(
            "no bar is left to start an episode at",
            mend="use a longer history, a shorter window or features with less warm-up",
        )
    return np.array(spans, dtype=np.int64)


def batch_spans(
    panel: MarketPanel, valid: NDArray[np.bool_], batch: BatchSettings
) -> NDArray[np.int64]:
    """Return :func:`starting_spans` for a batch, whose mode must show its window.

    Raises:
        DataError: If there is a gap that is refused, or no start is left.
        InvalidValue: If the mode does not show that window.
    """
    if batch.mode == "flat" and batch.window != 1:
        raise InvalidValue(
            f"the flat mode shows one bar, window was {batch.window}",
            mend='set mode to "window" or "index"',
        )
    return starting_spans(panel, valid, batch.window, batch.gaps)


class MarketBatch:
    """Environments that are stepped together; finished ones begin anew in the same step.

    Not thread-safe. Buffers are allocated once and alternate between two sides.

    Args:
        panel: The bars.
        features: Scaled, shape (T, A, F), float32, C-contiguous.
        valid: Which features are known, shape (T, A), bool.

    Raises:
        DataError: If the panel has gaps that are refused, or no episode can start.
        InvalidValue: If an argument is out of range or of the wrong type.
    """

    def __init__(
        self,
        panel: MarketPanel,
        features: NDArray[np.float32],
        valid: NDArray[np.bool_],
        settings: SimulationSettings,
        batch: BatchSettings,
    ) -> None:
        self.settings = settings
        self.batch = batch
        self.assets = len(panel.instruments)
        self.data_hash = panel.data_hash
        spans = batch_spans(panel, valid, batch)
        data = market_data(panel, features)
        try:
            self._native = _native.MarketBatch(
                data,
                settings.to_dict(),
                spans,
                batch.environments,
                batch.seed,
                batch.episode_length,
                batch.window,
                batch.mode,
                batch.threads or os.cpu_count() or 1,
                batch.first_environment,
            )
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"the market cannot be set up: {error}") from error
        sides: list[Any] = [self._native.buffers(side) for side in (0, 1)]
        self._sides = (BatchOutput(**sides[0]), BatchOutput(**sides[1]))
        finals: Any = self._native.finals()
        self.finished = FinishedEpisodes(**finals)
        self.output = self._sides[0]

    @property
    def environments(self) -> int:
        """The number of environments, N."""
        return self.batch.environments

    @property
    def observation_size(self) -> int:
        """The width of an observation, D."""
        return self._native.width

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """Read-only views of the accounts, by name.

        ``cash equity bar episode length returns`` have shape (N,); ``lots basis high_water
        bars_held`` shape (N, A).
        """
        return self._native.state()

    def reset(self, seed: int | None = None) -> BatchOutput:
        """Begin anew: every environment's first episode of ``seed``, or its next one if None."""
        try:
            self.output = self._sides[self._native.reset(seed)]
        except TypeError as error:
            raise InvalidValue(f"seed must be a whole number from 0, was {seed!r}") from error
        return self.output

    def step(self, actions: NDArray[np.float32]) -> BatchOutput:
        """Advance every environment by one bar.

        Args:
            actions: Shape (N, A), float32, C-contiguous; NaN holds.

        Raises:
            InvalidValue: If the array is of another type or shape, or an amount leaves 64 bits;
                after the latter the batch must be reset.
        """
        try:
            self.output = self._sides[self._native.step(actions)]
        except (TypeError, OverflowError) as error:
            raise InvalidValue(f"the market cannot step: {error}") from error
        return self.output

    def play(self, learner: _native.PpoLearner) -> list[tuple[float, int]]:
        """Let a learner play one rollout, and keep what it saw.

        Returns:
            Reward and length of the episodes that ended, in order.

        Raises:
            InvalidValue: If the learner is of another shape, or an amount leaves 64 bits; after the
                latter the batch must be reset.
        """
        try:
            side, episodes = learner.collect(self._native)
        except (ValueError, OverflowError) as error:
            raise InvalidValue(f"the market cannot be played: {error}") from error
        self.output = self._sides[side]
        return episodes

    def snapshot(self) -> bytes:
        """Return the whole state; :meth:`restore` continues from it exactly."""
        return self._native.snapshot()

    def restore(self, state: bytes) -> BatchOutput:
        """Take a state of :meth:`snapshot`; the observations are those that it had.

        Raises:
            DataError: If it is damaged, of another version, or of other data, settings or shape.
        """
        try:
            self.output = self._sides[self._native.restore(state)]
        except ValueError as error:
            raise DataError(str(error)) from error
        return self.output
