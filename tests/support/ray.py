"""A Ray cluster of this machine, for as long as the tests of one process run."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def missing() -> str:
    """Return why there can be no cluster, "" if there can."""
    if importlib.util.find_spec("ray") is None:
        return "Ray is not installed: pip install 'mettle-trader[ray]'"
    return ""


@contextmanager
def ray_cluster(folder: Path, cpus: int = 2) -> Iterator[str]:
    """Start a cluster, connect this process to it, and yield its address.

    Its token and its files lie in ``folder``, or close to it: paths of sockets must be short.
    """
    import ray  # noqa: PLC0415  an extra

    token = folder / "token"
    token.write_text("a-token-of-the-tests-0123456789abcdef")
    added = {"RAY_AUTH_TOKEN_PATH": str(token), "RAY_USAGE_STATS_ENABLED": "0"}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        context = ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            object_store_memory=80 << 20,
        )
        yield str(context.address_info["address"])
    finally:
        ray.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
