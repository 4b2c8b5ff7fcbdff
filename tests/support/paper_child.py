"""A paper session in a process of its own, to be killed: python paper_child.py DATABASE [BAR HOW].

At the bar number BAR it dies the hard way at the place that HOW names: ``before`` its commit,
``after`` it with the orders not sent, or ``between`` two statements of the transaction.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.persistence.sql import store as sql_store
from mettle.adapters.venues.simulated import SimulatedVenue
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import Moody, panel, session, start_of

BARS = 160
NAMES = ("BTC/USDT:USDT", "ETH/USDT:USDT")


def settings(*, ruin: bool) -> SimulationSettings:
    """Return rules with stops, funding and shorts; with ``ruin`` the account dies on the way."""
    return SimulationSettings(
        leverage=3,
        allow_short=True,
        gross_limit=30_000,
        stop_loss=30_000,
        trailing_stop=60_000,
        ruin_level=8_500 if ruin else 0,
    )


def die() -> None:
    """Leave without any clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(bar: int, how: str) -> None:
    """Set the trap."""
    commits = 0
    commit, create = sql_store.SqlUnitOfWork.commit, SimulatedVenue.create

    def counted(unit: sql_store.SqlUnitOfWork) -> None:
        nonlocal commits
        commits += 1
        if commits == bar and how == "before":
            die()
        if commits == bar and how == "between":
            unit._session._begun()  # everything of the bar is written, nothing committed
            die()
        commit(unit)

    def sent(venue: SimulatedVenue, ticket: object) -> object:
        if commits >= bar and how == "after":
            die()
        return create(venue, ticket)  # type: ignore[arg-type]  # passed on

    setattr(sql_store.SqlUnitOfWork, "commit", counted)  # noqa: B010  the trap
    SimulatedVenue.create = sent  # type: ignore[assignment,method-assign]  # the trap


def main() -> None:
    """Run or resume."""
    database, rest = sys.argv[1], sys.argv[2:]
    ruin = "ruin" in rest
    if len(rest) >= 2 and rest[0].isdigit():
        arm(int(rest[0]), rest[1])
    market, agent = panel(BARS, NAMES, gaps=0.02), Moody()
    with SqlStore(database) as store:
        done = session(market, agent, settings(ruin=ruin), store, start=start_of(market, agent))
        sys.stdout.write(done.run().value)


if __name__ == "__main__":
    main()
