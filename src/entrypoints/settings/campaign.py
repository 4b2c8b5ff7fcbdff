"""The section ``[campaign]`` of ``mettle.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from ...application.campaign.definition import OBJECTIVES
from .texts import Section, split


class CampaignSection(Section):
    """Many trials of one idea."""

    storage: str = ""
    """Optuna's database: a file, or a URL that Optuna understands, without a password; empty is
    `studies.db` in the workspace, or beside our own tables where these are in PostgreSQL."""
    trials: int = Field(default=100, ge=1, le=1_000_000)
    """Sets of parameters to try."""
    workers: int = Field(default=2, ge=1, le=1024)
    """Processes on this machine."""
    objectives: Annotated[tuple[str, ...], BeforeValidator(split)] = ("sharpe",)
    """What is optimised: sharpe, or several of sharpe, drawdown and turnover at once."""
    folds: int = Field(default=5, ge=2, le=64)
    """Walk-forward windows that a trial is judged on."""
    holdout: float = Field(default=0.2, ge=0, le=0.5)
    """Share of the bars, at their end, that no trial sees."""
    prune: bool = True
    """Whether a trial that is plainly worse than the best one is ended early."""
    retries: int = Field(default=3, ge=0, le=3)
    """Further attempts after running out of memory, each with half the footprint."""
    deaths: int = Field(default=10, ge=0, le=1000)
    """Further attempts after the death of a worker."""
    time_limit: float = Field(default=0.0, ge=0)
    """Seconds that one attempt may take; 0 is no limit."""
    lease: float = Field(default=30.0, ge=1, le=3600)
    """Seconds after which a worker without a heartbeat is taken for dead."""
    runner: Literal["local", "ray"] = "local"
    """Where workers run: processes of this machine, or a Ray cluster (`mettle-trader[ray]`)."""
    ray_address: str = "auto"
    """Of the cluster: auto for that of this machine, local for one made for the campaign, or
    HOST:PORT of its head."""
    ray_cpus: int = Field(default=1, ge=1, le=1024)
    """Cores that a worker on Ray reserves and uses."""
    ray_gpus: float = Field(default=0.0, ge=0, le=64)
    """Accelerators that a worker on Ray reserves; a half is shared by two."""

    @field_validator("objectives")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) < len(names) or not set(names) <= set(OBJECTIVES):
            raise ValueError(f"must be one or more of {', '.join(OBJECTIVES)}, each once")
        return names

    @field_validator("ray_address")
    @classmethod
    def _somewhere(cls, address: str) -> str:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if address not in {"auto", "local"} and not (host and port.isdecimal()):
            raise ValueError("must be auto, local or HOST:PORT")
        return address

    @field_validator("storage")
    @classmethod
    def _no_secret(cls, url: str) -> str:
        login, at, _ = url.partition("://")[2].partition("@")
        if at and ":" in login:
            raise ValueError(
                "must not hold a password; put the URL of our own tables into the environment "
                "variable METTLE_SECRET__DATABASE_URL and leave this empty"
            )
        return url
