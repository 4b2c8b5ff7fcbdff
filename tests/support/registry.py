"""Records for tests of the model registry."""

from __future__ import annotations

from typing import Any

from mettle.application.learning.registry import (
    Ending,
    Figures,
    Hashes,
    ModelRecord,
    ModelStatus,
    Paths,
    Sign,
)
from mettle.application.ports.model_registry import ModelRegistry


def record(model_id: str, trial: int = 0, **more: object) -> ModelRecord:
    """Return an attempt that has just begun."""
    known: dict[str, Any] = {
        "name": model_id,
        "study": "s",
        "timeframe": "1h",
        "created_at": 1_000 + trial,
        "symbols": ("BTC/USDT", "ETH/USDT"),
        "seed": 7,
        "hyperparameters": {"learning_rate": 3e-4, "hidden": [64, 64], "flag": True, "odd": None},
        "hashes": Hashes(features="f1", data="d1", code="0.1.0"),
        "paths": Paths(logs="runs/s"),
    }
    return ModelRecord(model_id=model_id, trial=trial, **(known | more))


def completed(sharpe: float | None = 1.0, at: int = 2_000, **more: object) -> Ending:
    """Return an ending with figures."""
    known: dict[str, Any] = {
        "sharpe": sharpe,
        "sharpe_low": None if sharpe is None else sharpe - 0.5,
        "total_return": 0.1,
        "max_drawdown": 0.2,
        "trades": 30,
        "measured_on": "hold-out",
    }
    return Ending(
        status=ModelStatus.COMPLETED,
        at=at,
        duration_s=12.5,
        figures=Figures(**(known | more)),
        hashes=Hashes(artefact="a" * 64),
        paths=Paths(artefact="name"),
    )


def failed(error_class: str = "OutOfMemory", error: str = "no room", at: int = 2_000) -> Ending:
    """Return an ending that is a failure."""
    return Ending(status=ModelStatus.FAILED, at=at, error_class=error_class, error=error)


def made(registry: ModelRegistry, model_id: str, trial: int = 0, **more: object) -> ModelRecord:
    """Register a model and complete it."""
    figures: dict[str, Any] = {
        n: more.pop(n) for n in tuple(more) if n in Figures.__dataclass_fields__
    }
    registry.register(record(model_id, trial, **more))
    return registry.finish(model_id, completed(**figures))


SIGN = Sign(at=5_000, by="someone", reason="why not")
