"""The sections of ``mettle.toml`` but ``[simulation]``: each key, its unit, bounds and default."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ...application.backtest.cost_profiles import cost_profile
from ...application.ports.trainer import PpoSettings
from ...domain.errors import MettleError
from ...domain.signals.catalogue import default_feature_set, parse_feature
from ...domain.signals.features import FeatureSet
from .risk_profiles import LIMITS
from .texts import DateText, Section, SymbolText, TimeframeText, split, split_features, to_ms
from .units import Cash


class WorkspaceSection(Section):
    """Where things lie; relative paths start at the workspace."""

    data: str = Field(default="data", min_length=1)
    """The candle lake."""
    models: str = Field(default="models", min_length=1)
    """Trained models."""
    runs: str = Field(default="runs", min_length=1)
    """Checkpoints, logs and TensorBoard scalars."""
    reports: str = Field(default="reports", min_length=1)
    """Tear sheets."""
    database: str = Field(default="mettle.db", min_length=1)
    """A file, or an SQLAlchemy URL without a password (that is the secret `database_url`)."""

    @model_validator(mode="after")
    def _no_secret(self) -> Self:
        login, at, _ = self.database.partition("://")[2].partition("@")
        if at and ":" in login:
            raise ValueError(
                "workspace.database must not hold a password; put the whole URL into the "
                "environment variable METTLE_SECRET__DATABASE_URL"
            )
        return self


class MarketSection(Section):
    """What is traded."""

    venue: str = "binance"
    """Venue whose candles `data get` downloads."""
    endpoint: str = ""
    """Scheme and host in the place of the venue's own, for a proxy."""
    symbols: Annotated[tuple[SymbolText, ...], BeforeValidator(split)] = Field(
        default=("BTC/USDT", "ETH/USDT"), min_length=1, max_length=64
    )
    """Symbols, as BASE/QUOTE."""
    timeframe: TimeframeText = "1h"
    """One of 1m, 5m, 15m, 1h, 4h, 12h, 1d."""

    @field_validator("endpoint")
    @classmethod
    def _reachable(cls, text: str) -> str:
        if text and not re.match(r"https?://[^/\s]+", text):
            raise ValueError("must be a scheme and host, such as https://example.org:8443")
        return text


class Period(Section):
    """Bars that open from `from` (included) to `to` (not included), UTC; empty is no limit."""

    from_: DateText = Field(default="", alias="from")
    """First date."""
    to: DateText = ""
    """First date after the period."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.from_ and self.to and to_ms(self.from_) >= to_ms(self.to):
            raise ValueError(f"from must lie before to, were {self.from_} and {self.to}")
        return self

    @property
    def milliseconds(self) -> tuple[int | None, int | None]:
        """Both ends in Unix milliseconds, None where open."""
        return (
            to_ms(self.from_) if self.from_ else None,
            to_ms(self.to) if self.to else None,
        )


class PpoSection(Section):
    """Hyperparameters of proximal policy optimisation."""

    environments: int = Field(default=256, ge=1, le=65_536)
    """Environments stepped together."""
    rollout: int = Field(default=64, ge=2, le=65_536)
    """Steps of each environment between two updates."""
    batch_size: int = Field(default=4096, ge=2)
    """Frames of one gradient step."""
    epochs: int = Field(default=4, ge=1, le=100)
    """Passes over each rollout."""
    learning_rate: float = Field(default=3e-4, gt=0, le=1)
    """Step size of Adam."""
    discount: float = Field(default=0.99, ge=0, le=1)
    """Weight of the next bar's value."""
    gae_lambda: float = Field(default=0.95, ge=0, le=1)
    """Mixture of the advantage estimate."""
    clip_range: float = Field(default=0.2, gt=0, le=1)
    """How far one update may move the policy."""
    entropy_coefficient: float = Field(default=0.0, ge=0, le=1)
    """Reward for staying random."""
    value_coefficient: float = Field(default=0.5, ge=0, le=10)
    """Weight of the value loss."""
    max_gradient_norm: float = Field(default=0.5, gt=0)
    """Gradients are clipped to this norm."""
    initial_log_std: float = Field(default=-2.0, ge=-5, le=1)
    """Logarithm of the deviation with which actions are explored at first."""
    hidden: Annotated[tuple[int, ...], BeforeValidator(split)] = Field(
        default=(64, 64), min_length=1, max_length=4
    )
    """Widths of the network's hidden layers."""

    def to_domain(self) -> PpoSettings:
        """Return the trainer's settings."""
        return PpoSettings(**{name: getattr(self, name) for name in type(self).model_fields})


class TrainingSection(Period):
    """One run of training."""

    learner: Literal["sb3", "native", "torch"] = "sb3"
    """Who learns: Stable-Baselines3, or the same PPO in native threads, which is several times
    faster and needs no PyTorch, or as tensor programmes that never leave their device."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where PyTorch computes, with sb3 or torch: on a GPU torch plays the market there as well."""
    frames: int = Field(default=1_000_000, ge=1, le=10**12)
    """Environment steps to take."""
    seed: int = Field(default=1, ge=0, lt=2**31)
    """Seed of everything random."""
    window: int = Field(default=1, ge=1, le=512)
    """Bars of features in one observation."""
    observations: Literal["window", "index"] = "window"
    """What environments show of the window: its bars, or their number, which a policy of
    PyTorch turns into them on its own device: the same model, a rollout of a fraction of the
    size."""
    gaps: Literal["refuse", "segment", "hold"] = "refuse"
    """Missing bars: refuse the period, train on the stretches between them, or hold through."""
    episode_length: int = Field(default=512, ge=0)
    """Bars of one episode; 0 is a whole block."""
    features: Annotated[tuple[str, ...], BeforeValidator(split_features)] = ()
    """Features, such as `rsi(14)` or `macd(12,26,9):raw`; empty is the default set."""
    checkpoint_every: int = Field(default=0, ge=0)
    """Frames between checkpoints; 0 is none."""
    threads: int = Field(default=0, ge=0, le=1024)
    """Threads of the market; 0 is one a core."""
    torch_threads: int = Field(default=1, ge=0, le=1024)
    """Threads of PyTorch; 0 is its own choice: a little faster on an idle machine, far slower on a
    busy one."""
    ppo: PpoSection = PpoSection()
    """The optimiser."""

    @model_validator(mode="after")
    def _fits_learner(self) -> Self:
        if self.observations == "index" and self.learner == "native":
            raise ValueError(
                "training.observations must be window where training.learner is native: it reads "
                "windows where they lie"
            )
        if self.device == "cuda" and self.learner == "native":
            raise ValueError("training.device must be cpu where training.learner is native")
        return self

    @field_validator("features")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(parse_feature(text)) for text in texts)
        except MettleError as error:
            raise ValueError(f"{error.message}; {error.mend}") from None

    def feature_set(self) -> FeatureSet:
        """Return the features that a model sees."""
        if not self.features:
            return default_feature_set()
        return FeatureSet(tuple(parse_feature(text) for text in self.features))


class BacktestSection(Period):
    """Running a model over history."""

    cost_profile: str = "own"
    """Named fees and slippage: own, binance, coinbase, alpaca, zero, each also with `+stress`."""
    gaps: Literal["refuse", "hold"] = "refuse"
    """What to do with missing bars: refuse the period, or hold positions through them."""
    close_at_end: bool = False
    """Whether to sell out at the last close, with costs."""
    resamples: int = Field(default=1000, ge=0, le=100_000)
    """Resamples of the bootstrap behind the intervals; 0 leaves them out."""
    level: float = Field(default=0.9, gt=0, lt=1)
    """Coverage of the intervals."""

    @field_validator("cost_profile")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return cost_profile(name).name
        except MettleError as error:
            raise ValueError(f"must be a cost profile; {error.mend}") from None


class PaperSection(Period):
    """Trading on paper."""

    capital: Cash = Field(default=Decimal(10_000), gt=0, le=10_000_000_000)
    """Starting cash of the paper account, quote currency."""
    profile: str = "none"
    """Limits of runs on paper: none, so that they answer for their backtest; own, which is the
    section risk; or a named risk profile with what the section risk changes of it."""

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in LIMITS:
            raise ValueError(f"must be one of {', '.join(LIMITS)}")
        return name
