"""`mettle models`: the registry and the files, from the command line and from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mettle.application.learning.registry import ModelRecord, Origin
from mettle.domain.errors import ArtefactError, InvalidValue, NotFound, TimedOut
from tests.support.foreign import make_sound
from tests.support.learning import random_artefact
from tests.support.registry import completed
from tests.support.workspaces import MODEL, call, make_small_workspace, opened

FEATURES = "log_return(1),rsi(14)"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with one model and three registered attempts."""
    home = tmp_path_factory.mktemp("models") / "bot"
    make_small_workspace(home)
    with opened(home) as workspace:
        registry, store = workspace.container.registry(), workspace.container.artefacts()
        for trial, sharpe in enumerate((1.0, 3.0, 2.0)):
            name = f"camp-{trial}"
            manifest = store.save(random_artefact(name, seed=trial))
            registry.register(
                ModelRecord(
                    model_id=f"id-{trial}", name=name, study="camp", trial=trial,
                    timeframe="1h", created_at=trial, origin=Origin.CAMPAIGN,
                    hyperparameters={"learning_rate": 10.0**-trial, "same": 1},
                )
            )  # fmt: skip
            ending = completed(sharpe)
            registry.finish(
                f"id-{trial}",
                type(ending)(
                    status=ending.status, at=10, figures=ending.figures,
                    hashes=type(ending.hashes)(artefact=manifest.digest),
                    paths=type(ending.paths)(artefact=name),
                ),
            )  # fmt: skip
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """Return a copy of the workspace."""
    return Path(shutil.copytree(template, tmp_path / "bot"))


class Shell:
    """Calls verbs and reads their JSON."""

    def __init__(self, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._capsys, self._home = capsys, home

    def __call__(self, *words: str, code: int = 0) -> Any:  # noqa: ANN401 - JSON
        """Return the data of a verb's JSON, or what it said on stderr."""
        said = call(self._capsys, self._home, "models", *words, "--json")
        assert said.code == code, said.err
        return json.loads(said.out)["data"] if said.out else said.err

    def text(self, *words: str) -> str:
        """Return what people read."""
        said = call(self._capsys, self._home, "models", *words)
        assert said.code == 0, said.err
        return said.out


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], home: Path) -> Shell:
    """Return a shell in the workspace."""
    return Shell(capsys, home)


def test_models_are_ranked_compared_and_listed(shell: Shell) -> None:
    """Best N by a figure, what differs side by side, and attempts by study and status."""
    assert [one["name"] for one in shell("best", "-n", "2")] == ["camp-1", "camp-2"]
    assert shell("best", "-s", "other", code=1) == []
    compared = shell("compare", "camp-0", "camp-1")
    assert "hyperparameters.learning_rate" in compared["differing"]
    assert "hyperparameters.same" not in compared["differing"]
    assert [one["name"] for one in shell("list", "--attempts")] == ["camp-2", "camp-1", "camp-0"]
    assert shell("list", "--status", "failed") == []
    assert "one of training, completed" in shell("list", "--status", "odd", code=2)
    assert "camp-1" in shell.text("best")
    assert "learning_rate" in shell.text("compare", "camp-0", "camp-1")
    assert "did you mean" in shell("history", "camp-9", code=3)


def test_aliases_move_and_roll_back(shell: Shell) -> None:
    """Promotion verifies the files; the history says who served and why."""
    shell("promote", "camp-0", "--reason", "first")
    shell("promote", "camp-1")
    shell("promote", "camp-2", "--as", "challenger")
    held = {one["name"]: one["aliases"] for one in shell("list")}
    assert held == {"camp-0": [], "camp-1": ["champion"], "camp-2": ["challenger"], MODEL: []}
    assert shell("show", "camp-1")["aliases"] == ["champion"]
    assert shell("rollback")["model"]["name"] == "camp-0"
    events = shell("history", "camp-0")["events"]
    told = [(one["subject"], one["after"], one["reason"]) for one in events if one["subject"]]
    assert told == [("champion", "id-0", "first"), ("champion", "id-1", ""),
                    ("champion", "id-0", "rolled back")]  # fmt: skip
    assert "champion" in shell.text("history", "camp-0")
    assert "no model was challenger before" in shell("rollback", "challenger", code=3)


def test_a_changed_model_is_not_promoted(shell: Shell, home: Path) -> None:
    """Nor one whose files are sound, but not those that were registered."""
    weights = home / "models" / "camp-0" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    assert "was changed" in shell("promote", "camp-0", code=2)
    checked = {one["name"]: one for one in shell("verify", code=1)}
    assert "was changed" in checked["camp-0"]["problem"]
    assert checked["camp-1"] == {"name": "camp-1", "problem": "", "registered": True}
    with opened(home) as workspace:
        workspace.container.artefacts().save(random_artefact("camp-1", seed=99), replace=True)
    assert "not the one recorded" in shell("promote", "camp-1", code=2)
    assert shell("verify", "camp-1")[0]["registered"] is False
    shutil.rmtree(home / "models" / "camp-2")
    assert "there is no model 'camp-2'" in shell("promote", "camp-2", code=3)


def test_garbage_is_shown_then_removed(shell: Shell, home: Path) -> None:
    """Dry by default; aliases, the best and what no campaign made stay."""
    shell("promote", "camp-0")
    plan = {one["name"]: one for one in shell("gc", "--keep-best", "1")["models"]}
    assert "champion" in plan["camp-0"]["kept"]
    assert "among the best 1" in plan["camp-1"]["kept"]
    assert plan[MODEL]["kept"] == "not registered with these files"
    assert (plan["camp-2"]["kept"], plan["camp-2"]["removed"]) == ("", False)
    assert (home / "models" / "camp-2").is_dir()
    done = {one["name"]: one for one in shell("gc", "--keep-best", "1", "--apply")["models"]}
    assert done["camp-2"]["removed"] is True
    assert sorted(one.name for one in (home / "models").iterdir()) == ["camp-0", "camp-1", MODEL]
    assert shell("gc", "--keep-best", "1", "--apply")["applied"] is True
    assert shell("list", "--attempts", "-n", "1")[0]["collected_at"] is not None
    assert "files of model id-2 were removed" in shell("promote", "camp-2", code=2)


def test_a_run_keeps_its_model(shell: Shell, home: Path) -> None:
    """A model that a paper run used is no garbage, and one that came back is not either."""
    with opened(home) as workspace:
        run = workspace.paper("ema-cross", run_id="r1")
        store = workspace.container.store()
        with store.reading() as unit:
            known = unit.runs.get("r1")
        with store.writing() as unit:
            plan = known.plan + workspace.registry.get("camp-2").hashes.artefact
            unit.runs.add(type(known)(
                **{name: getattr(known, name) for name in known.__slots__}
                | {"run_id": "r2", "plan": plan}
            ))  # fmt: skip
            unit.commit()
        assert run.run_id == "r1"
    kept = {one["name"]: one["kept"] for one in shell("gc", "--keep-best", "1")["models"]}
    assert kept["camp-2"] == "a run used it"


def test_models_travel_between_workspaces(shell: Shell, home: Path, tmp_path: Path) -> None:
    """A file that nobody trusted has signed needs an act of trust, which is recorded."""
    packed = tmp_path / "x.mettle"
    key = shell("export", "camp-1", "--to", str(packed))["key"]
    assert "exists" in shell("export", "camp-1", "--to", str(packed), code=2)
    other = tmp_path / "other"
    make_small_workspace(other)
    with opened(other) as workspace:
        with pytest.raises(ArtefactError, match="not trusted") as caught:
            workspace.registry.import_export(packed)
        assert "--trust" in caught.value.mend
        made = workspace.registry.import_export(packed, trust=True, reason="from the other one")
        assert workspace.model("camp-1").digest == made.digest
        event = workspace.registry.history("camp-1")[-1]
        assert (event.kind.value, event.reason) == ("trust", "from the other one")
        assert key in event.after
        with pytest.raises(InvalidValue, match="already"):
            workspace.registry.import_export(packed, trust=True, reason="again")
        workspace.registry.trust_key(home / "keys" / "signing.pub", "first-bot")
        workspace.registry.import_export(packed, replace=True)
        damaged = packed.read_bytes()
        packed.write_bytes(damaged[:-200])
        with pytest.raises((ArtefactError, NotFound)):
            workspace.registry.import_export(packed, replace=True)


def test_an_unsigned_model_of_an_older_version_is_trusted_by_name(shell: Shell, home: Path) -> None:
    """It is refused until a person says where it is from."""
    (home / "models" / MODEL / "signature.json").unlink()
    assert "is not signed" in shell("show", MODEL, code=2)
    assert "needs a reason" in shell("trust", MODEL, "--reason", " ", code=2)
    shell("trust", MODEL, "--reason", "trained last year")
    document = shell("show", MODEL)
    assert document["registry"]["origin"] == "import"
    assert shell("history", MODEL)["events"][-1]["reason"] == "trained last year"


def test_training_is_registered(home: Path, shell: Shell) -> None:
    """With its hyperparameters and hashes; a failure with its class."""
    with opened(home) as workspace:
        data = workspace.data.get(["SYN1/USDT"], "1h")
        made = workspace.train(data, study="fresh", frames=256)
        record = workspace.registry.get("fresh")
        assert (record.status.value, record.study) == ("completed", "fresh")
        assert record.hashes.artefact == made.best().digest
        assert record.hyperparameters["frames"] == 256
        with pytest.raises(InvalidValue):
            workspace.train(data, study="refused", frames=-1)
        assert workspace.registry.failures() == []  # it never began

        def breaks(_now: object) -> None:
            raise TimedOut("long enough")

        with pytest.raises(TimedOut):
            workspace.train(data, study="broken", frames=256, on_progress=breaks)
        (group,) = workspace.registry.failures()
        assert (group.error_class, group.attempts) == ("TimedOut", 1)
        counts = {one.study: one.counts for one in workspace.registry.progress()}
        assert {status.value: n for status, n in counts["broken"].items() if n} == {"failed": 1}


def test_a_foreign_model_is_imported(shell: Shell, home: Path, tmp_path: Path) -> None:
    """It decides as the original does, is signed, registered, and no bar before it is unseen."""
    zipped, normaliser = make_sound(tmp_path / "sb3")
    words = ["import", str(zipped), "--name", "old", "--vecnormalize", str(normaliser),
             "--symbols", "SYN1/USDT,SYN2/USDT", "-t", "1h"]  # fmt: skip
    features = ["--set", f"training.features={FEATURES}", "--set", "training.window=1"]
    made = shell(*words, *features, "--reason", "of system D")
    assert made["difference"] < 1e-4
    assert {"limits", "seccomp"} <= set(made["protections"])
    assert any(one.startswith("landlock") for one in made["protections"])
    with opened(home) as workspace:
        assert workspace.registry.history("old")[-1].reason == "of system D"
        data = workspace.data.get(["SYN1/USDT", "SYN2/USDT"], "1h", last="10d")
        with pytest.raises(InvalidValue, match=r"overlap|trained"):
            workspace.backtest("old", data)
        assert workspace.backtest("old", data, allow_overlap=True).summary
    assert "there is a model 'old' already" in shell(*words, *features, code=2)
    assert "give" in shell(
        "import", str(zipped), "--name", "odd", *features, "--symbols", "SYN1/USDT", code=2
    )
