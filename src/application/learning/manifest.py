"""What a model says about itself: everything that must fit before it may decide."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ...domain.errors import ArtefactError, ConfigError, InvalidValue, MettleError
from ...domain.market import Instrument, Symbol, Timeframe
from ...domain.signals.features import FeatureSet
from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel
from ..ports.trainer import PpoSettings
from .scaler import FeatureScaler
from .strict import Fields, canonical

FORMAT_VERSION = 1
"""Version of the artefact's files; another one is refused."""

OBSERVATION = "portfolio(1+3A), features(W·A·F), version 1"
"""The observation's layout of docs/concepts/market-step.md; another one is refused."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_name(name: str) -> str:
    """Return ``name`` if it may name a model.

    Raises:
        InvalidValue: If it holds more than small letters, digits, dot, dash and underscore, does
            not begin with a letter or digit, or is longer than 64 characters.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidValue(
            f"{name!r} cannot name a model",
            mend="use 1 to 64 of a-z, 0-9, '.', '-' and '_', beginning with a letter or digit",
        )
    return name


@dataclass(frozen=True, slots=True)
class InstrumentTerms:
    """The terms of one asset during training; amounts in plain decimal notation."""

    symbol: str
    tick_size: str
    lot_size: str
    min_notional: str
    maker_ppm: int
    taker_ppm: int

    @classmethod
    def of(cls, instrument: Instrument) -> InstrumentTerms:
        """Return the terms of ``instrument`` at its first fee tier."""
        tier = instrument.fees.tiers[0]
        return cls(
            str(instrument.symbol),
            f"{instrument.tick_size.normalize():f}",
            f"{instrument.lot_size.normalize():f}",
            f"{instrument.min_notional.normalize():f}",
            tier.maker_ppm,
            tier.taker_ppm,
        )


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PolicyManifest:
    """The manifest of a policy.

    Attributes:
        created_at: Unix milliseconds, UTC.
        code_version: Version of mettle that trained it.
        instruments: Terms of the assets, in the order of the actions.
        period: First bar's open and the end of the last bar, Unix milliseconds.
        synthetic: Whether the training bars were generated.
        window: Bars of features in one observation.
        sizes: Widths of the network from the observation to the actions.
        settings: The market of the training, its action scheme among them.
        frames: Environment steps taken.
        metrics: Figures of the training; None where undefined.
        files: Every other file of the artefact, by name; filled in by the store.
    """

    name: str
    created_at: int
    code_version: str
    instruments: tuple[InstrumentTerms, ...]
    timeframe: Timeframe
    period: tuple[int, int]
    data_hash: str
    synthetic: bool
    feature_set: FeatureSet
    scaler: FeatureScaler
    window: int
    sizes: tuple[int, ...]
    activation: str
    settings: SimulationSettings
    ppo: PpoSettings
    episode_length: int
    seed: int
    frames: int
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    files: Mapping[str, FileRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name)
        for name, figure in self.metrics.items():
            if figure is not None and not math.isfinite(figure):
                raise ArtefactError(f"model {self.name}: metric {name} must be finite or None")
        assets, features = len(self.instruments), len(self.feature_set)
        if self.scaler.mean.shape != (assets, features):
            raise ArtefactError(
                f"model {self.name}: the scaler's shape {self.scaler.mean.shape} is not "
                f"(assets, features) = {(assets, features)}"
            )
        wanted = (1 + 3 * assets + self.window * assets * features, assets)
        if self.window < 1 or len(self.sizes) < 2 or (self.sizes[0], self.sizes[-1]) != wanted:
            raise ArtefactError(
                f"model {self.name}: a network of {self.sizes} does not take {wanted[0]} "
                f"observations of window {self.window} to {wanted[1]} actions"
            )

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The assets' symbols, in the order of the actions."""
        return tuple(Symbol.parse(one.symbol) for one in self.instruments)

    def require(self, panel: MarketPanel) -> None:
        """Refuse a panel on which the model cannot decide.

        Raises:
            ArtefactError: If symbols, their order or the timeframe differ.
        """
        if panel.symbols != self.symbols:
            raise ArtefactError(
                f"model {self.name} was trained on {', '.join(map(str, self.symbols))}, "
                f"not on {', '.join(map(str, panel.symbols))}",
                mend="choose these symbols in this order, or train a model on the others",
            )
        if panel.timeframe != self.timeframe:
            raise ArtefactError(
                f"model {self.name} was trained on {self.timeframe} bars, not {panel.timeframe}",
                mend=f"use {self.timeframe} bars, or train a model on the others",
            )

    def differences(self, panel: MarketPanel, settings: SimulationSettings) -> tuple[str, ...]:
        """Name what differs from the training but does not forbid a run: each needs a new look."""
        found = [
            f"{one.symbol} {name}: trained at {ours}, now {theirs}"
            for one, two in zip(self.instruments, panel.instruments, strict=True)
            for name, ours, theirs in _unequal(asdict(one), asdict(InstrumentTerms.of(two)))
        ]
        pairs = _unequal(self.settings.to_dict(), settings.to_dict())
        found += [f"simulation.{name}: trained at {a}, now {b}" for name, a, b in pairs]
        return tuple(found)

    @property
    def digest(self) -> str:
        """SHA-256 of the whole manifest, and through ``files`` of the whole artefact."""
        return hashlib.sha256(canonical(self._body())).hexdigest()

    def to_json(self) -> bytes:
        """Return the manifest as canonical JSON with its own digest."""
        body = {**self._body(), "digest": self.digest}
        return json.dumps(body, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"

    def _body(self) -> dict[str, Any]:
        body: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        body |= {
            "format_version": FORMAT_VERSION,
            "observation": OBSERVATION,
            "instruments": [asdict(one) for one in self.instruments],
            "timeframe": self.timeframe.label,
            "period": list(self.period),
            "feature_set": self.feature_set.to_list(),
            "feature_set_hash": self.feature_set.hash,
            "scaler": self.scaler.to_dict(),
            "sizes": list(self.sizes),
            "settings": self.settings.to_dict(),
            "ppo": _ppo_dict(self.ppo),
            "metrics": {n: None if v is None else float(v) for n, v in self.metrics.items()},
            "files": {name: asdict(one) for name, one in self.files.items()},
        }
        return body

    @classmethod
    def from_json(cls, data: bytes) -> PolicyManifest:
        """Read :meth:`to_json`'s result.

        Raises:
            ArtefactError: If the text is damaged, a key is unknown, missing, doubled or of a wrong
                type, the digest does not match, or a version is not this program's.
        """
        values = Fields.parse(data, "manifest")
        version = values.take("format_version", int)
        if version != FORMAT_VERSION:
            raise ArtefactError(
                f"artefact format {version} is not {FORMAT_VERSION}, the one known here",
                mend="train the model again, or use the mettle that wrote it",
            )
        values.verify_digest()
        try:
            return cls._from_fields(values)
        except ArtefactError:
            raise
        except (MettleError, TypeError, ValueError, KeyError) as error:
            raise ArtefactError(f"the manifest breaks a rule: {error}") from error

    @classmethod
    def _from_fields(cls, values: Fields) -> PolicyManifest:
        observation = values.take("observation", str)
        if observation != OBSERVATION:
            raise ArtefactError(f"observation layout {observation!r} is not {OBSERVATION!r}")
        feature_set = FeatureSet.from_list(values.take("feature_set", list))
        if values.take("feature_set_hash", str) != feature_set.hash:
            raise ArtefactError("the feature set's hash does not match its definitions")
        start, stop = values.integers("period")
        manifest = cls(
            name=values.take("name", str),
            created_at=values.take("created_at", int),
            code_version=values.take("code_version", str),
            instruments=tuple(_terms(one) for one in values.children("instruments")),
            timeframe=Timeframe.parse(values.take("timeframe", str)),
            period=(start, stop),
            data_hash=values.take("data_hash", str),
            synthetic=values.take("synthetic", bool),
            feature_set=feature_set,
            scaler=FeatureScaler.from_dict(values.take("scaler", dict)),
            window=values.take("window", int),
            sizes=values.integers("sizes"),
            activation=values.take("activation", str),
            settings=_settings(values.child("settings")),
            ppo=_ppo(values.child("ppo")),
            episode_length=values.take("episode_length", int),
            seed=values.take("seed", int),
            frames=values.take("frames", int),
            metrics=values.figures("metrics"),
            files={name: _file(one) for name, one in values.named("files").items()},
        )
        values.finish()
        return manifest


def _unequal(
    ours: Mapping[str, object], theirs: Mapping[str, object]
) -> list[tuple[str, object, object]]:
    return [(name, ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]]


def _terms(values: Fields) -> InstrumentTerms:
    terms = InstrumentTerms(
        symbol=values.take("symbol", str),
        tick_size=values.take("tick_size", str),
        lot_size=values.take("lot_size", str),
        min_notional=values.take("min_notional", str),
        maker_ppm=values.take("maker_ppm", int),
        taker_ppm=values.take("taker_ppm", int),
    )
    values.finish()
    Symbol.parse(terms.symbol)
    return terms


def _file(values: Fields) -> FileRecord:
    record = FileRecord(values.take("size", int), values.take("sha256", str))
    values.finish()
    return record


def _settings(values: Fields) -> SimulationSettings:
    # Every setting must be named: a default that changes later must not change an old model.
    numbers = {one.name: values.take(one.name, int) for one in fields(SimulationSettings)}
    values.finish()
    try:
        return SimulationSettings.from_dict(numbers)
    except ConfigError as error:
        raise ArtefactError(f"the manifest's market settings: {error.message}") from error


_WHOLE = ("environments", "rollout", "batch_size", "epochs")


def _ppo_dict(settings: PpoSettings) -> dict[str, Any]:
    # A discount given as 1 must be written as 1.0, else reading it back would change the digest.
    numbers = {
        name: value if name in _WHOLE else float(value)
        for name, value in asdict(settings).items()
        if name != "hidden"
    }
    return {**numbers, "hidden": list(settings.hidden)}


def _ppo(values: Fields) -> PpoSettings:
    numbers: dict[str, Any] = {
        one.name: values.take(one.name, int if one.name in _WHOLE else float)
        for one in fields(PpoSettings)
        if one.name != "hidden"
    }
    settings = PpoSettings(**numbers, hidden=values.integers("hidden"))
    values.finish()
    return settings
