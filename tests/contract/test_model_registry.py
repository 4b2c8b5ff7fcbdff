"""What every model registry keeps to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.application.learning.registry import (
    CHAMPION,
    Ending,
    EventKind,
    Figures,
    ModelRecord,
    ModelStatus,
    Ranking,
)
from mettle.application.ports.model_registry import ModelRegistry, Wanted
from mettle.domain.errors import InvalidValue, NotFound
from tests.support.registry import SIGN, completed, failed, made, record


def ids(records: object) -> list[str]:
    """Return the ids of records, in their order."""
    assert isinstance(records, list | tuple)
    return [one.model_id for one in records]


def test_an_attempt_comes_back_as_it_went_in(registry: ModelRegistry) -> None:
    """Every field survives, before and after its end."""
    begun = record("m1", 3, attempt=0, synthetic=True)
    registry.register(begun)
    assert registry.get("m1") == begun
    ended = registry.finish("m1", completed(1.25, sharpe_high=2.0))
    assert ended == registry.get("m1")
    assert ended.figures == Figures(
        sharpe=1.25, sharpe_low=0.75, sharpe_high=2.0, total_return=0.1, max_drawdown=0.2,
        trades=30, measured_on="hold-out",
    )  # fmt: skip
    assert (ended.status, ended.finished_at, ended.duration_s) == (
        ModelStatus.COMPLETED, 2_000, 12.5,
    )  # fmt: skip
    # What the ending does not state stays.
    assert (ended.hashes.features, ended.hashes.artefact) == ("f1", "a" * 64)
    assert (ended.paths.logs, ended.paths.artefact) == ("runs/s", "name")
    assert ended.hyperparameters == begun.hyperparameters
    assert ended.hyperparameters["hidden"] == [64, 64]


def test_an_unknown_model_is_not_found(registry: ModelRegistry) -> None:
    """Whatever is asked of it."""
    for ask in (
        lambda: registry.get("none"),
        lambda: registry.finish("none", completed()),
        lambda: registry.set_status("none", ModelStatus.DEPLOYED, SIGN),
        lambda: registry.set_alias(CHAMPION, "none", SIGN),
        lambda: registry.history("none"),
        lambda: registry.trust("none", "x", SIGN),
        lambda: registry.collect("none", SIGN),
        lambda: registry.register(record("m1", parents=("none",))),
    ):
        with pytest.raises(NotFound, match="no model 'none'"):
            ask()
    assert registry.find("none") is None
    assert list(registry.list()) == []


def test_no_attempt_is_written_twice(registry: ModelRegistry) -> None:
    """Neither an id nor study, trial and attempt together; the next attempt is free."""
    registry.register(record("m1", 1))
    with pytest.raises(InvalidValue, match="registered already"):
        registry.register(record("m1", 2))
    with pytest.raises(InvalidValue, match="attempt 0 of trial 1"):
        registry.register(record("m2", 1))
    registry.register(record("m2", 1, attempt=1))
    registry.register(record("m3", 1, study="other"))
    assert ids(registry.attempts("s", 1)) == ["m1", "m2"]


def test_an_attempt_ends_once(registry: ModelRegistry) -> None:
    """The same ending may be repeated, another one is refused and changes nothing."""
    registry.register(record("m1"))
    ended = registry.finish("m1", failed())
    assert registry.finish("m1", failed()) == ended
    for other in (failed("NaN"), completed(), failed(at=2_001)):
        with pytest.raises(InvalidValue, match="is failed already"):
            registry.finish("m1", other)
    assert registry.get("m1") == ended
    assert len(registry.history("m1")) == 2


def test_a_refused_write_leaves_nothing(registry: ModelRegistry) -> None:
    """A transaction that fails half-way is undone."""
    with pytest.raises(NotFound):
        registry.register(record("m1", parents=("gone",)))
    assert registry.find("m1") is None
    registry.register(record("m1"))


def test_a_model_is_found_by_id_alias_and_newest_name(registry: ModelRegistry) -> None:
    """In this order."""
    made(registry, "m1", 0, name="trend")
    made(registry, "m2", 1, name="trend")
    registry.set_alias(CHAMPION, "m1", SIGN)
    found = [registry.find(text) for text in ("m1", CHAMPION, "trend")]
    assert [one.model_id for one in found if one] == ["m1", "m1", "m2"]


def test_lists_hold_what_is_wanted_newest_first(registry: ModelRegistry) -> None:
    """By study, timeframe, name and status, and no more than the limit."""
    made(registry, "m1", 1, timeframe="4h")
    registry.register(record("m2", 2, study="t"))
    made(registry, "m3", 3)
    assert ids(registry.list()) == ["m3", "m2", "m1"]
    assert ids(registry.list(limit=2)) == ["m3", "m2"]
    assert ids(registry.list(Wanted(study="s"))) == ["m3", "m1"]
    assert ids(registry.list(Wanted(timeframe="4h"))) == ["m1"]
    assert ids(registry.list(Wanted(name="m2"))) == ["m2"]
    assert ids(registry.list(Wanted(status=ModelStatus.TRAINING))) == ["m2"]
    assert ids(registry.list(Wanted(study="s", status=ModelStatus.TRAINING))) == []


def test_the_best_are_ranked_by_the_figure_asked_for(registry: ModelRegistry) -> None:
    """Only usable models that have the figure; the smallest drawdown is the best one."""
    made(registry, "m1", 1, sharpe=1.0, max_drawdown=0.3, sharpe_low=0.9)
    made(registry, "m2", 2, sharpe=2.0, max_drawdown=0.1, sharpe_low=-1.0, timeframe="4h")
    made(registry, "m3", 3, sharpe=None, max_drawdown=0.2)
    registry.register(record("m4", 4))
    made(registry, "m5", 5, sharpe=1.0, study="t")
    registry.set_status("m1", ModelStatus.DEPLOYED, SIGN)
    assert ids(registry.best(9)) == ["m2", "m1", "m5"]
    assert ids(registry.best(1)) == ["m2"]
    assert ids(registry.best(2, by=Ranking.SHARPE_LOW)) == ["m1", "m5"]
    assert ids(registry.best(9, by=Ranking.DRAWDOWN, study="s")) == ["m2", "m3", "m1"]
    assert ids(registry.best(9, timeframe="1h", study="s")) == ["m1"]
    with pytest.raises(InvalidValue, match="1 or more"):
        registry.best(0)


def test_failures_are_grouped_by_class(registry: ModelRegistry) -> None:
    """With attempts, trials, and the newest message of each."""
    for trial, attempt, kind in ((1, 0, "NaN"), (1, 1, "OutOfMemory"), (2, 0, "OutOfMemory")):
        name = f"m{trial}{attempt}"
        registry.register(record(name, trial, attempt=attempt))
        registry.finish(name, failed(kind, f"message of {name}", at=3_000 + trial))
    made(registry, "fine", 3)
    first, second = registry.failures("s")
    assert (first.error_class, first.attempts, first.trials) == ("OutOfMemory", 2, 2)
    assert (first.example, first.last_at) == ("message of m20", 3_002)
    assert (second.error_class, second.attempts) == ("NaN", 1)
    assert list(registry.failures("other")) == []


def test_progress_counts_trials_by_their_newest_attempt(registry: ModelRegistry) -> None:
    """A trial that failed and was tried again counts once, as what it is now."""
    registry.register(record("m1", 1))
    registry.finish("m1", failed())
    registry.register(record("m2", 1, attempt=1))
    made(registry, "m3", 2)
    registry.register(record("m4", 3))
    registry.finish("m4", Ending(status=ModelStatus.PRUNED, at=9_000))
    registry.register(record("m5", 1, study="older"))
    first, second = registry.progress()
    assert (first.study, first.trials, first.attempts, first.last_at) == ("s", 3, 4, 9_000)
    assert first.counts == {
        ModelStatus.TRAINING: 1, ModelStatus.COMPLETED: 1, ModelStatus.PRUNED: 1,
        ModelStatus.FAILED: 0, ModelStatus.DEPLOYED: 0,
    }  # fmt: skip
    assert second.study == "older"
    assert [one.study for one in registry.progress("older")] == ["older"]


def test_an_alias_moves_and_remembers(registry: ModelRegistry) -> None:
    """Who had it, when and why stays readable, from the alias and from each model."""
    made(registry, "m1", 1)
    made(registry, "m2", 2)
    assert registry.set_alias(CHAMPION, "m1", SIGN) is None
    assert registry.set_alias(CHAMPION, "m2", replace(SIGN, at=6_000, reason="better")) == "m1"
    assert registry.set_alias(CHAMPION, "m2", SIGN) == "m2"
    assert dict(registry.aliases()) == {CHAMPION: "m2"}
    assert registry.set_alias(CHAMPION, None, replace(SIGN, at=7_000)) == "m2"
    assert dict(registry.aliases()) == {}
    told = [(one.at, one.before, one.after, one.by) for one in registry.alias_history(CHAMPION)]
    assert told == [
        (5_000, "", "m1", "someone"), (6_000, "m1", "m2", "someone"), (7_000, "m2", "", "someone"),
    ]  # fmt: skip
    assert [(one.kind, one.after) for one in registry.history("m1")] == [
        (EventKind.STATUS, "training"), (EventKind.STATUS, "completed"),
        (EventKind.ALIAS, "m1"), (EventKind.ALIAS, "m2"),
    ]  # fmt: skip
    numbers = [one.sequence for one in registry.history("m2")]
    assert numbers == sorted(set(numbers))


def test_only_what_can_serve_gets_an_alias(registry: ModelRegistry) -> None:
    """No attempt that runs or failed, and no name that is none."""
    registry.register(record("m1", 1))
    with pytest.raises(InvalidValue, match="is training, it cannot serve"):
        registry.set_alias(CHAMPION, "m1", SIGN)
    with pytest.raises(InvalidValue, match="cannot be an alias"):
        registry.set_alias("Best one", "m1", SIGN)
    assert dict(registry.aliases()) == {}


def test_stages_and_deployment_are_history(registry: ModelRegistry) -> None:
    """Each move is an event, moving to where it is already is none."""
    made(registry, "m1")
    assert registry.set_status("m1", ModelStatus.DEPLOYED, SIGN).status is ModelStatus.DEPLOYED
    registry.set_stage("m1", "ARENA", SIGN)
    registry.set_stage("m1", "ARENA", SIGN)
    assert registry.set_stage("m1", "PAPER", SIGN).stage == "PAPER"
    told = [(one.kind, one.before, one.after) for one in registry.history("m1")][2:]
    assert told == [
        (EventKind.STATUS, "completed", "deployed"),
        (EventKind.STAGE, "", "ARENA"), (EventKind.STAGE, "ARENA", "PAPER"),
    ]  # fmt: skip
    with pytest.raises(InvalidValue, match="deployed or completed"):
        registry.set_status("m1", ModelStatus.FAILED, SIGN)


def test_an_act_of_trust_is_remembered(registry: ModelRegistry) -> None:
    """With what was vouched for, and by whom."""
    made(registry, "m1", origin=record("x").origin)
    registry.trust("m1", "sha256 abc", SIGN)
    told = registry.history("m1")[-1]
    assert (told.kind, told.after, told.by, told.reason) == (
        EventKind.TRUST, "sha256 abc", "someone", "why not",
    )  # fmt: skip


def test_garbage_is_only_what_nothing_needs(registry: ModelRegistry) -> None:
    """No model that trains, serves, served, climbs, or is a parent of one that is kept."""
    registry.register(record("running", 1))
    for trial, name in enumerate(("deployed", "staged", "champion", "former", "parent"), 2):
        made(registry, name, trial)
    made(registry, "child", 9, parents=("parent",))
    registry.set_status("deployed", ModelStatus.DEPLOYED, SIGN)
    registry.set_stage("staged", "ARENA", SIGN)
    registry.set_alias(CHAMPION, "former", SIGN)
    registry.set_alias(CHAMPION, "champion", SIGN)
    for name, reason in (
        ("running", "is training"), ("deployed", "is deployed"), ("staged", "at ARENA"),
        ("champion", "is or was champion"), ("former", "is or was champion"),
        ("parent", "child"),
    ):  # fmt: skip
        with pytest.raises(InvalidValue, match=f"not garbage: .*{reason}"):
            registry.collect(name, SIGN)
    assert registry.collect("child", SIGN).collected_at == 5_000
    assert registry.collect("parent", SIGN).collected_at == 5_000


def test_what_was_collected_stays_on_record(registry: ModelRegistry) -> None:
    """But ranks nowhere and cannot serve."""
    kept, gone = made(registry, "m1", 1), made(registry, "m2", 2, sharpe=9.0)
    registry.collect("m2", SIGN)
    registry.collect("m2", replace(SIGN, at=6_000))
    assert registry.get("m2") == replace(gone, collected_at=5_000)
    assert ids(registry.best(5)) == [kept.model_id]
    assert ids(registry.list(Wanted(held=True))) == ["m1"]
    assert ids(registry.list(Wanted(held=False))) == ["m2"]
    assert registry.history("m2")[-1].kind is EventKind.COLLECTED
    with pytest.raises(InvalidValue, match="files of model m2 were removed"):
        registry.set_alias(CHAMPION, "m2", SIGN)


def test_rows_that_break_a_rule_are_refused() -> None:
    """A figure that is no number, a failure without a class, parameters that are no JSON."""
    with pytest.raises(InvalidValue, match="sharpe must be finite"):
        completed(float("nan"))
    with pytest.raises(InvalidValue, match="names its class"):
        Ending(status=ModelStatus.FAILED, at=1)
    with pytest.raises(InvalidValue, match="names its class"):
        Ending(status=ModelStatus.COMPLETED, at=1, error_class="odd")
    with pytest.raises(InvalidValue, match="ends completed"):
        Ending(status=ModelStatus.DEPLOYED, at=1)
    with pytest.raises(InvalidValue, match="no plain JSON"):
        record("m", hyperparameters={"policy": object()})
    with pytest.raises(InvalidValue, match="an id, a study"):
        ModelRecord(model_id="", name="m", study="s", trial=0, timeframe="1h", created_at=1)
    assert len(failed(error="x" * 9_000).error) == 4_000
