"""A venue that cancels everything when it hears nothing: armed while a session lives."""

from __future__ import annotations

import itertools

import pytest
from mettle.adapters.venues.exchange import ExchangeRules, ExchangeVenue
from mettle.application.ports.venue import Venue
from mettle.application.session.dead_man import SwitchKeeper
from mettle.domain.errors import VenueError
from tests.support.exchange_runs import ExchangeRun, minutes

RULES = ExchangeRules(dead_man=True, good_till_date=False)


class Watched:
    """A venue whose switch is watched, and may be out of reach."""

    def __init__(self, inner: ExchangeVenue, run: ExchangeRun, *, deaf: bool = False) -> None:
        self._inner, self._run, self._deaf = inner, run, deaf
        self.asked: list[tuple[int, int | None]] = []

    def __getattr__(self, name: str) -> object:
        """Return what the venue has."""
        return getattr(self._inner, name)

    def cancel_all_after(self, milliseconds: int | None) -> None:
        """Note the call, and pass it on."""
        self.asked.append((self._run.clock.now_ms(), milliseconds))
        if self._deaf:
            raise VenueError("gone")
        self._inner.cancel_all_after(milliseconds)


def watched(run: ExchangeRun, *, deaf: bool = False) -> list[Watched]:
    """Put a watch on the connections of a run."""
    found: list[Watched] = []

    def wrap(venue: ExchangeVenue) -> Venue:
        found.append(Watched(venue, run, deaf=deaf))
        return found[-1]  # type: ignore[return-value]  # the venue behind it answers

    run.wrap = wrap
    return found


def test_it_is_renewed_while_the_session_lives_and_disarmed_at_the_end() -> None:
    """Never further apart than its time, so that nothing is cancelled while all is well."""
    run = ExchangeRun(minutes(40), RULES)
    seen = watched(run)
    run.play()
    times = [at for at, armed in seen[0].asked if armed == 10_000]
    assert len(times) > 100
    assert max(b - a for a, b in itertools.pairwise(times)) < 10_000
    assert seen[0].asked[-1][1] is None
    assert run.exchange.floor.account("main").cancel_at is None


def test_a_session_that_dies_leaves_no_order_behind() -> None:
    """An order that would rest for ever is gone ten seconds after the last sign of life."""
    run = ExchangeRun(minutes(60), RULES)
    watched(run)

    class Died(BaseException):
        """The process is gone."""

    def die_with_an_order() -> bool:
        if run.exchange.open_orders("main"):
            raise Died
        return False

    with pytest.raises(Died):
        run.play(die_with_an_order)
    assert run.exchange.open_orders("main")
    run.clock.advance(10_001)
    run.exchange.sync()
    assert not run.exchange.open_orders("main")


def test_a_switch_out_of_reach_stops_nothing() -> None:
    """The session trades on, and tries again at every look."""
    run = ExchangeRun(minutes(30), RULES)
    seen = watched(run, deaf=True)
    done = run.play()
    assert done.bars > 0
    assert len(seen[0].asked) > 500
    assert {armed for _, armed in seen[0].asked} == {10_000}


def test_a_venue_without_one_is_left_alone() -> None:
    """Nothing is asked of it."""
    run = ExchangeRun(minutes(20), ExchangeRules())
    seen = watched(run)
    run.play()
    assert seen[0].asked == []
    keeper = SwitchKeeper(seen[0])  # type: ignore[arg-type]  # the venue behind it answers
    keeper.renew(1)
    keeper.disarm(left=False)
    assert seen[0].asked == []
