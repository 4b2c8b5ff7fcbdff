"""What the verbs that begin runs share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from ...domain.errors import ConfigError
from .context import Invocation

if TYPE_CHECKING:
    from ..market_data import MarketData
    from ..workspace import Workspace


class Gaps(StrEnum):
    """What to do with missing bars."""

    HOLD = "hold"
    REFUSE = "refuse"


ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Limits: none, own (the section [risk]), or strict, integration, activation, "
        "timeline, daily, perpetual with what [risk] changes of it.",
    ),
]
"""Said here for the help; it may stand anywhere, so the command line hands it on with the call."""


def one_of(model: str | None, strategy: str | None) -> str:
    """Return what decides.

    Raises:
        BadParameter: If none or both are named.
    """
    if (model is None) == (strategy is None):
        raise typer.BadParameter("give either --model or --strategy")
    return model or strategy or ""


def risk_profile(call: Invocation) -> str | None:
    """Return the limits that ``--profile`` names, and take the option away from the settings.

    Raises:
        ConfigError: If it names neither limits nor a profile of settings.
    """
    from ..settings.layers import PROFILES
    from ..settings.risk_profiles import LIMITS
    from ..suggest import did_you_mean

    name = call.options.profile
    if name in LIMITS:
        call.options = replace(call.options, profile=None)
        return name
    try:
        call.settings()
    except ConfigError as error:
        if name is None or not error.message.startswith("unknown profile"):
            raise
        known = (*LIMITS, *PROFILES)
        mend = did_you_mean(name, known, f"use one of {', '.join(known)}")
        raise ConfigError(error.message, mend=mend) from error
    return None


def run_bars(
    workspace: Workspace,
    name: str,
    *,
    symbols: str | None,
    timeframe: str | None,
    last: str | None = None,
    length: str | None = None,
) -> MarketData:
    """Return the bars to trade: a model's own, after its training, unless told otherwise.

    Args:
        last: Only the newest ones.
        length: How long to trade: from the settings' start, or the newest candles without one.
    """
    from ..market_data import span_ms

    chosen = workspace.agent(name)
    start, stop = workspace.settings.paper.milliseconds
    if length is not None and start is not None:
        stop = start + span_ms(length)
    elif length is not None:
        last = length
    elif start is None:
        start = chosen.provenance.trained_until_ms
    data = workspace.data.get(
        chosen.symbols if symbols is None else None,
        chosen.timeframe if timeframe is None else None,
        last=last,
        start=None if last is not None else start,
        stop=stop,
    )
    if length is not None and span_ms(length) < 2 * data.window.timeframe.milliseconds:
        frame = data.window.timeframe.label
        raise ConfigError(
            f"--for must hold at least 2 bars of {frame}, was {length!r}",
            mend=f"give a longer time, or finer candles than {frame} with --timeframe",
        )
    return data


def warn_of_lost_notices(call: Invocation, workspace: Workspace) -> None:
    """Say that messages could not be written; trading did not wait for them."""
    lost = workspace.container.notifier().dropped
    if lost:
        path = workspace.resolved.notices
        call.output.warn(f"{lost} messages could not be written to {path}; see `mettle doctor`")


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Collect the first interrupt instead of dying of it; a second one ends at once."""
    seen: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [one for one in wanted if signal.getsignal(one) is not signal.SIG_IGN]  # `nohup`, `&`
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
