"""Workers on a Ray cluster: it finds them a node; lease and retry stay the campaign's."""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from ...application.ports.trial_runner import WorkOrder
from ...domain.errors import ConfigError, NotFound, NotRunning
from .ray_host import DISTRIBUTION, WorkerHost

LOCAL = "local"
"""Address that means a cluster of this machine, for as long as the campaign runs."""
AUTO = "auto"
"""Address that means the cluster that this machine is a node of."""

_ANSWER_S = 5.0
"""For a connection, and for a worker to be gone; Ray itself would wait for minutes."""


class RayWorker:
    """A worker process on some node."""

    def __init__(self, ray: ModuleType, order: WorkOrder, host: Any, end: Any) -> None:
        self._ray = ray
        self._order = order
        self._host = host
        self._end = end

    @property
    def order(self) -> WorkOrder:
        """What it was given."""
        return self._order

    def alive(self) -> bool:
        """See :class:`~mettle.application.ports.trial_runner.Worker`.

        One that waits for a free node counts as alive, as does one whose node does not answer
        before Ray has given it up: then its lease runs out.
        """
        return not self._over(0.0)

    def failure(self) -> str:
        """See the port."""
        if self.alive():
            return ""
        try:
            return str(self._ray.get(self._end))
        except self._ray.exceptions.RayError as error:
            words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            return f"was ended by Ray ({type(error).__name__}: {words})"

    def stop(self) -> None:
        """See the port."""
        with suppress(self._ray.exceptions.RayError):
            self._host.stop.remote()

    def kill(self) -> None:
        """See the port; a node that does not answer is left to the lease."""
        with suppress(self._ray.exceptions.RayError):
            self._host.kill.remote()
            self._over(_ANSWER_S)
        self._ray.kill(self._host)
        self._over(_ANSWER_S)

    def _over(self, patience_s: float) -> bool:
        done, _ = self._ray.wait([self._end], timeout=patience_s)
        return bool(done)


@dataclass(frozen=True, slots=True)
class RayPlace:
    """Where a cluster is, and what a worker asks it for.

    Attributes:
        address: ``auto``, ``local``, or ``HOST:PORT`` of the head.
        cpus: Cores that a worker reserves.
        gpus: Accelerators that it reserves; a half is shared by two.
    """

    address: str = AUTO
    cpus: int = 1
    gpus: float = 0.0


class RayCluster:
    """See :class:`~mettle.application.ports.trial_runner.TrialRunner`.

    Connects when it is made. A connection that the process had already is used and left open.

    Every node needs mettle of this version, the workspace's folder at the same path, and secrets
    of its own: orders hold none.

    Args:
        arguments: What a node's interpreter runs; the order follows as JSON.
        logs: Folder of the workers' output.

    Raises:
        NotFound: If Ray is not installed.
        NotRunning: If no cluster answers.
        ConfigError: If the address is none.
    """

    def __init__(self, arguments: Sequence[str], logs: Path, place: RayPlace) -> None:
        self._arguments = tuple(arguments)
        self._logs = logs
        self._place = place
        self._started: list[RayWorker] = []
        self._ray = _load()
        self._ours = not self._ray.is_initialized()
        if self._ours:
            _connect(self._ray, place.address)

    @property
    def machines(self) -> int:
        """How many nodes the cluster has now."""
        return len({one["NodeManagerAddress"] for one in self._ray.nodes() if one["Alive"]})

    def start(self, order: WorkOrder) -> RayWorker:
        """See the port; it waits for a node with as much free as it asks for."""
        text = json.dumps(asdict(order), default=str)
        kind = self._ray.remote(
            num_cpus=self._place.cpus,
            num_gpus=self._place.gpus,
            max_restarts=0,  # the campaign decides what is tried again
            max_task_retries=0,
            max_concurrency=2,
        )(WorkerHost)
        host = kind.remote(self._arguments, str(self._logs), version(DISTRIBUTION))
        made = RayWorker(self._ray, order, host, host.work.remote(text))
        self._started.append(made)
        return made

    def close(self) -> None:
        """See the port."""
        for one in self._started:
            one.kill()
        self._started.clear()
        if self._ours and self._ray.is_initialized():
            self._ray.shutdown()


def _load() -> ModuleType:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise NotFound(
            "campaigns on a cluster need Ray, which is not installed",
            mend=f"pip install '{DISTRIBUTION}[ray]', or leave --runner out for processes",
        ) from error


def _connect(ray: ModuleType, address: str) -> None:
    if address not in {AUTO, LOCAL}:
        _knock(address)
    options: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    begun = time.monotonic()
    try:
        with _quiet():
            ray.init(
                address=address,
                log_to_driver=False,
                configure_logging=False,
                logging_level=logging.ERROR,
                **options,
            )
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise NotRunning(
            f"no Ray cluster answered at {address!r} within {time.monotonic() - begun:.0f} s: "
            f"{words}",
            mend="`ray start --head` begins one; --ray-address local makes one for the campaign",
        ) from error


def _knock(address: str) -> None:
    """Try the address first: Ray would try for minutes, and end this process then."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(
            f"a Ray cluster's address is auto, local or HOST:PORT, was {address!r}",
            mend="for example --ray-address 10.0.0.5:6379",
        )
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        raise NotRunning(
            f"no Ray cluster answers at {address}: {error}",
            mend="see `ray status` on its head; --ray-address local makes one for the campaign",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from reporting how it is used to its makers; a choice of the user's stands."""
    name = "RAY_USAGE_STATS_ENABLED"
    before = os.environ.get(name)
    os.environ.setdefault(name, "0")
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
