"""What holds of every runner of workers: processes of this machine, and a Ray cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mettle.adapters.campaign.local_processes import PARENT, LocalProcesses, worker_command
from mettle.adapters.campaign.ray_cluster import RayCluster, RayPlace
from mettle.application.ports.trial_runner import TrialRunner, Worker, WorkOrder
from tests.support.ray import missing, ray_cluster

_PATIENCE_S = 300.0

Runner = Callable[[str], TrialRunner]
"""Makes a runner whose workers run a program, the order being its first argument."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a Ray cluster."""
    if reason := missing():
        pytest.skip(reason)
    with ray_cluster(tmp_path_factory.mktemp("ray")) as address:
        yield address


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    """Yield a way to make runners, which are closed at the end."""
    made: list[TrialRunner] = []
    if request.param == "ray":
        request.getfixturevalue("cluster")

    def runner(program: str) -> TrialRunner:
        arguments, logs = ("-c", program), tmp_path / "logs"
        if request.param == "ray":
            made.append(RayCluster(arguments, logs, RayPlace()))
        else:
            made.append(LocalProcesses(worker_command(arguments), logs))
        return made[-1]

    yield runner
    for one in made:
        one.close()


def order(tmp_path: Path, worker: str = "w") -> WorkOrder:
    """Return an order."""
    return WorkOrder(
        tmp_path, tmp_path / "mettle.toml", "s", worker, 30.0, threads=3, settings={"a": {"b": 1}}
    )


def until(said: Callable[[], bool]) -> None:
    """Wait until something is so."""
    begun = time.monotonic()
    while not said():
        assert time.monotonic() - begun < _PATIENCE_S
        time.sleep(0.01)


def ended(worker: Worker) -> str:
    """Wait for a worker's end and return its reason."""
    until(lambda: not worker.alive())
    return worker.failure()


def gone(pid: int) -> bool:
    """Return whether a process is no more, or only a name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


SLEEPER = """
import os, pathlib, signal, sys, time
place = pathlib.Path(__import__("json").loads(sys.argv[1])["home"])
def lay_down(*_):
    (place / "laid-down").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, lay_down)
(place / "pid.new").write_text(str(os.getpid()))
(place / "pid.new").rename(place / "pid")
while True:
    time.sleep(0.01)
"""


def sleeping(runner: TrialRunner, tmp_path: Path) -> tuple[Worker, int]:
    """Start a worker that waits for a signal; return it and its process."""
    worker = runner.start(order(tmp_path))
    until((tmp_path / "pid").exists)
    return worker, int((tmp_path / "pid").read_text())


def test_a_worker_gets_its_order_and_as_many_threads(make: Runner, tmp_path: Path) -> None:
    """The order arrives whole, as JSON; native libraries are held to its threads."""
    program = (
        "import json, os, pathlib, sys; body = json.loads(sys.argv[1]);"
        "body['omp'] = os.environ['OMP_NUM_THREADS'];"
        "(pathlib.Path(body['home']) / 'seen').write_text(json.dumps(body))"
    )
    worker = make(program).start(order(tmp_path))
    assert worker.order == order(tmp_path)
    assert ended(worker) == ""
    assert json.loads((tmp_path / "seen").read_text()) == {
        "home": str(tmp_path),
        "config": str(tmp_path / "mettle.toml"),
        "study": "s",
        "worker": "w",
        "lease_s": 30.0,
        "threads": 3,
        "settings": {"a": {"b": 1}},
        "omp": "3",
    }


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; print('it broke'); sys.exit(3)", "exit code 3: it broke"),
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    ],
)
def test_a_worker_says_why_it_ended(make: Runner, tmp_path: Path, program: str, said: str) -> None:
    """Exit code with the last words, a signal by its name."""
    assert said in ended(make(program).start(order(tmp_path)))


def test_a_worker_that_is_asked_to_stop_lays_down_its_work(make: Runner, tmp_path: Path) -> None:
    """It ends by itself, well."""
    worker, _ = sleeping(make(SLEEPER), tmp_path)
    assert worker.alive()
    assert worker.failure() == ""
    worker.stop()
    assert ended(worker) == ""
    assert (tmp_path / "laid-down").exists()
    worker.stop()  # twice is no harm
    worker.kill()


def test_a_killed_worker_is_gone(make: Runner, tmp_path: Path) -> None:
    """When the call returns nothing of it runs any more."""
    worker, pid = sleeping(make(SLEEPER), tmp_path)
    worker.kill()
    assert not worker.alive()
    assert gone(pid)
    assert not (tmp_path / "laid-down").exists()


def test_a_runner_that_is_closed_leaves_nothing(make: Runner, tmp_path: Path) -> None:
    """Its workers are ended; closing again changes nothing."""
    runner = make(SLEEPER)
    worker, pid = sleeping(runner, tmp_path)
    runner.close()
    assert not worker.alive()
    assert gone(pid)
    runner.close()


def test_workers_run_side_by_side(make: Runner, tmp_path: Path) -> None:
    """Each of two waits for the other one."""
    program = (
        "import json, pathlib, sys, time; body = json.loads(sys.argv[1]);"
        "place = pathlib.Path(body['home']); (place / body['worker']).touch()\n"
        "while not ((place / 'one').exists() and (place / 'two').exists()): time.sleep(0.01)"
    )
    runner = make(program)
    both = [runner.start(order(tmp_path, name)) for name in ("one", "two")]
    assert [ended(one) for one in both] == ["", ""]


@pytest.mark.ray
def test_the_death_of_rays_process_is_seen(cluster: str, tmp_path: Path) -> None:
    """What stands between Ray and the worker is killed: it counts as dead, with a reason."""
    runner = RayCluster(("-c", SLEEPER), tmp_path / "logs", RayPlace())
    worker, pid = sleeping(runner, tmp_path)
    host = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert host != os.getpid()
    os.kill(host, 9)
    assert "ended by Ray" in ended(worker)
    worker.stop()
    worker.kill()
    os.kill(pid, 9)  # this program has no leash; a campaign's worker has
    runner.close()


def test_a_campaigns_worker_whose_parent_died_while_it_loaded_ends(tmp_path: Path) -> None:
    """It looks for the process that started it before it looks for work."""
    command = [sys.executable, "-m", "mettle.entrypoints.campaign_worker", "no order at all"]
    environment = {**os.environ, PARENT: "1"}
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    environment = {**os.environ, PARENT: str(os.getpid())}
    done = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert done.returncode != 0
