"""The venue's terms of the account: read at the start and with each reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.venues.dry_run import DryRunVenue
from mettle.adapters.venues.exchange import ExchangeRules, Fault, FaultPlan, Strike
from mettle.application.ports.venue_terms import AccountTerms, ContractTerms, MarginMode
from mettle.domain.errors import VenueError
from mettle.domain.market import FeeTier
from mettle.domain.risk import Mode
from tests.support.incidents import ACCOUNT, BEGIN, MARGIN, MINUTE, PERPETUAL, SPOT, Incident

RIGHT = ExchangeRules(leverage=2, tells_terms=True)
Build = Callable[..., Incident]


@pytest.fixture
def build() -> Iterator[Build]:
    """Yield a maker of worlds, closed at the end."""
    made: list[Incident] = []

    def make(
        rules: ExchangeRules = RIGHT,
        names: tuple[str, ...] = (PERPETUAL,),
        plan: FaultPlan | None = None,
    ) -> Incident:
        made.append(Incident(plan or FaultPlan(), names=names, rules=rules, settings=MARGIN))
        return made[-1]

    yield make
    for world in made:
        world.close()


def reason(world: Incident) -> str:
    """Return why the account may not open, as the journal has it; empty if it may."""
    with world.store.reading() as unit:
        causes = [one for one in unit.modes.all(ACCOUNT) if one.cause == "terms"]
    assert all(one.mode is Mode.REDUCING for one in causes)
    return causes[0].reason if causes else ""


def test_the_right_terms_are_no_news(build: Build) -> None:
    """It trades, and says nothing."""
    world = build()
    world.live(BEGIN + 6 * MINUTE)
    assert reason(world) == ""
    assert world.truth.placed()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leverage": 5}, "leverage is 5 and simulation.leverage 2"),
        ({"one_way": False}, "set one-way mode"),
        ({"maintenance_ppm": 9_000}, "maintenance margin is 9000 millionths"),
    ],
)
def test_nothing_opens_under_other_terms(build: Build, changes: dict[str, int], words: str) -> None:
    """Each is named with its mend; once it is mended the next reconciliation lets go."""
    world = build(replace(RIGHT, **changes))  # type: ignore[arg-type]  # names of the rules
    world.live(BEGIN + 6 * MINUTE)
    assert words in reason(world)
    assert not world.truth.placed()
    world.exchange.floor.rules = RIGHT
    world.live(BEGIN + 20 * MINUTE)
    assert reason(world) == ""


def test_it_is_noticed_while_it_trades(build: Build) -> None:
    """Somebody changes the leverage at the venue: fifteen minutes later nothing opens."""
    world = build()
    world.live(BEGIN + 6 * MINUTE)
    world.exchange.floor.rules = replace(RIGHT, leverage=7)
    world.live(BEGIN + 17 * MINUTE)
    assert "leverage is 7" in reason(world)


def test_coins_have_no_margin(build: Build) -> None:
    """On spot only the fees are looked at."""
    world = build(replace(RIGHT, leverage=7), (SPOT,))
    world.live(BEGIN + 6 * MINUTE)
    assert reason(world) == ""
    assert world.truth.placed()


def test_terms_that_cannot_be_read_hold_the_start(build: Build) -> None:
    """As long as the venue answers nothing there is no clean reconciliation, and no order."""
    away = Strike(Fault.MAINTENANCE_503, at=BEGIN, until=BEGIN + 4 * MINUTE)
    world = build(plan=FaultPlan(strikes=(away,)))
    world.live(BEGIN + 3 * MINUTE)
    assert not world.truth.placed()
    world.live(BEGIN + 12 * MINUTE)
    assert reason(world) == ""


def test_the_fees_are_taken_over(build: Build) -> None:
    """What the venue charges is said once, and purchases are reckoned with it."""
    world = build(names=(SPOT,))
    world.exchange.floor.account(ACCOUNT).taker_ppm = 9_000
    world.live(BEGIN + 6 * MINUTE)
    assert world.session is not None
    (instrument,) = world.session._desk.bench.plan.instruments.values()
    assert instrument.fees.tiers == (FeeTier(Decimal(0), 1_000, 9_000),)
    assert isinstance(world.notifier, MemoryNotifier)
    told = [one.text for one in world.notifier.notices if one.topic == "fees"]
    assert told == [f"{SPOT}: maker and taker fees are 0.1 % and 0.9 %, not 0.1 % and 0.2 %"]
    assert [one for one in world.answers.values() if one] != []


def test_a_venue_that_tells_none_is_not_asked(build: Build) -> None:
    """Then nothing is held against it, and whoever asks all the same is refused."""
    world = build(replace(RIGHT, tells_terms=False, leverage=9))
    world.live(BEGIN + 6 * MINUTE)
    assert reason(world) == ""
    assert world.truth.placed()
    assert world.line is not None
    with pytest.raises(VenueError, match="tells no terms"):
        world.line.terms()


def test_a_dry_run_asks_the_venue_behind_it(build: Build) -> None:
    """Its terms are those of the account that it does not trade."""
    world = build()
    world.live(BEGIN + MINUTE)
    assert world.line is not None
    dry = DryRunVenue(world.line)
    (symbol,) = world.panel.symbols
    held = ContractTerms(MarginMode.CROSS, one_way=True, leverage=2, maintenance_ppm=5_000)
    assert dry.capabilities.tells_terms
    assert dry.terms() == AccountTerms({symbol: FeeTier(Decimal(0), 1_000, 2_000)}, {symbol: held})
