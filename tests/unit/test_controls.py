"""Commands are obeyed by whoever trades the account, and by nobody else."""

from __future__ import annotations

import pytest
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.journal import ControlRecord, ControlVerb
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.application.session.controls import Controls
from mettle.application.session.guard import Guard
from mettle.domain.errors import RefusedForSafety
from mettle.domain.risk import Mode
from tests.support.guards import guard


def controls(store: MemoryStore, of: Guard, *, lost: bool) -> Controls:
    """Return the ears of a session that holds its account's lease, or has lost it."""

    def fence(_: UnitOfWork) -> None:
        if lost:
            raise RefusedForSafety("account a is traded by rival now")

    return Controls("a", store, of, MemoryKillSwitch(), lambda *_: "", fence, since=0)


def test_a_command_waits_for_whom_it_is_for() -> None:
    """Who has lost the lease neither obeys a command nor marks it as handled."""
    store = MemoryStore()
    with store.writing() as unit:
        unit.controls.add(ControlRecord("c1", "a", ControlVerb.REDUCE, "", "ada", 5))
        unit.commit()
    stale, trading = guard(), guard()
    with pytest.raises(RefusedForSafety, match="traded by rival"):
        controls(store, stale, lost=True).obey(6, None)
    with store.reading() as unit:
        assert [one.control_id for one in unit.controls.pending("a")] == ["c1"]
        assert not unit.modes.all("a")
    controls(store, trading, lost=False).obey(7, None)
    with store.reading() as unit:
        assert not unit.controls.pending("a")
        assert [one.mode for one in unit.modes.all("a")] == [Mode.REDUCING]
