"""What a planted bug is, and the kinds of worlds in which bugs show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mettle.adapters.venues.exchange import Fault
from mettle.adapters.venues.exchange.faults import Site
from mettle.domain.risk import RiskProfile

from ..plan import PERPETUAL, PROFILES, SPOT, WorldPlan
from ..storage import DiskFaults

Patch = tuple[Any, str, Callable[[Any], Any]]
"""Class or module, name of what is replaced, and what makes the replacement from it."""
Setting = Callable[[WorldPlan], WorldPlan]


def stormy(plan: WorldPlan) -> WorldPlan:
    """A storm over everything that is sent, and no lasting silence."""
    return replace(plan, trouble=3.0, boost={}, calm=0.0)


def rivals(plan: WorldPlan) -> WorldPlan:
    """Two traders, and strikes between writing and sending."""
    return replace(plan, second_trader=True, strikes=0.2, crash_share=0.001)


def disputed(plan: WorldPlan) -> WorldPlan:
    """Two traders that die often, a clock that makes leases look ended, and many commands."""
    return replace(
        rivals(plan),
        operator=True,
        operator_minutes=1,
        minutes={"clock step": 1},
        trouble=0.3,
        boost={},
        crash_share=0.012,
        profile=PROFILES["open"],
        calm=0.0,
    )


def guarded(plan: WorldPlan) -> WorldPlan:
    """Few faults, and positions with a stop that is near."""
    profile = RiskProfile("guarded", stop_loss=3_000, trailing_stop=2_000, leverage=None)
    return replace(orderly(plan), profile=profile, swing=0.002)


def killed(plan: WorldPlan) -> WorldPlan:
    """Kills at the worst moments, and soon taken back; bars long enough for orders to rest."""
    return replace(
        plan,
        kills=True,
        strikes=0.2,
        timeframe="5m",
        kill_seconds=(20, 60),
        minutes={"kill": 6},
        calm=0.0,
    )


def crashing(plan: WorldPlan) -> WorldPlan:
    """Processes that die often."""
    return replace(plan, crash_share=0.004)


def losing(plan: WorldPlan) -> WorldPlan:
    """Loss breakers with small limits in a wild market, few faults."""
    return replace(
        plan, profile=PROFILES["losses"], swing=0.004, trouble=0.5, boost={}, crash_share=0.001
    )


def limited(plan: WorldPlan) -> WorldPlan:
    """Position and exposure limits."""
    return replace(plan, profile=PROFILES["limits"], trouble=0.5, boost={})


def funded(plan: WorldPlan) -> WorldPlan:
    """Perpetuals with a settlement each ten minutes."""
    settings = replace(plan.settings, leverage=2, allow_short=True)
    return replace(plan, names=(SPOT[0], *PERPETUAL), funding_minutes=10, settings=settings)


def operated(plan: WorldPlan) -> WorldPlan:
    """Commands each two minutes."""
    return replace(plan, operator_minutes=2, trouble=0.5, boost={}, profile=PROFILES["open"])


def running_away(plan: WorldPlan) -> WorldPlan:
    """A market that jumps."""
    return replace(plan, swing=0.02, profile=PROFILES["open"], trouble=0.5, boost={})


def broken_disk(plan: WorldPlan) -> WorldPlan:
    """A disk that fails one commit in fifty."""
    return replace(plan, disk=DiskFaults(lost_commit=0.02, full=0.002))


def orderly(plan: WorldPlan) -> WorldPlan:
    """Nothing that makes a process read its journal again before the end."""
    return replace(
        plan,
        trouble=0.3,
        boost={},
        disk=DiskFaults(),
        crash_share=0.0,
        strikes=0.0,
        second_trader=False,
        kills=False,
        operator=False,
        calm=0.0,
    )


def unread(plan: WorldPlan) -> WorldPlan:
    """Questions that fail, to a process that has to ask because it has just begun."""
    return replace(
        plan, trouble=0.3, boost={}, shares={Site.READ: 0.1}, crash_share=0.004, calm=0.8
    )


def shut(plan: WorldPlan) -> WorldPlan:
    """Requests that are lost, and a venue that is away for minutes: answers come late."""
    away = (Fault.MAINTENANCE_503, Fault.HTML_BODY)
    return replace(
        plan,
        timeframe="1m",
        trouble=0.5,
        boost={},
        shares={Site.CREATE: 0.8},
        hourly=dict.fromkeys(away, 8.0),
        lasts=dict.fromkeys(away, (2, 4)),
        calm=0.0,
        profile=PROFILES["open"],
    )


def base_fees(plan: WorldPlan) -> WorldPlan:
    """Fees in what a purchase brings."""
    return replace(plan, fee_mode="received")


def boosted(*faults: Fault) -> Setting:
    """Return worlds in which some faults come sixty times as often."""
    return lambda plan: replace(plan, boost=dict.fromkeys(faults, 60.0))


@dataclass(frozen=True)
class Bug:
    """One planted bug.

    Attributes:
        key: What it does wrong, in words.
        rule: The invariant or rule of the contract that it breaks.
        patches: What of the product is replaced.
        worlds: In which worlds it is looked for.
    """

    key: str
    rule: str
    patches: tuple[Patch, ...]
    worlds: Setting = stormy

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have the bug while the block runs."""
        with ExitStack() as undo:
            for owner, name, make in self.patches:
                before = owner.__dict__[name]
                setattr(owner, name, make(before))
                undo.callback(setattr, owner, name, before)
            yield
