"""The settings: one ``mettle.toml``, checked as a whole, with the origin of every value.

Order: flag > ``METTLE__SECTION__KEY`` > file > named profile > default; the defaults of ``[risk]``
are those of its named risk profile.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from ...domain.errors import ConfigError
from ...domain.market import Symbol
from ..places import Places
from ..suggest import did_you_mean
from .campaign import CampaignSection
from .layers import (
    environment_layer,
    file_layer,
    flag_layer,
    flatten,
    merge,
    nest,
    profile_layer,
    refuse_misspelt,
)
from .notify import NotifySection
from .risk import RiskSection
from .risk_profiles import DEFAULT, LIMITS, NAMES, NO_LIMITS, OWN, risk_profile_values
from .secrets import Secrets, read_secrets
from .sections import (
    BacktestSection,
    MarketSection,
    PaperSection,
    TrainingSection,
    WorkspaceSection,
)
from .simulation import SimulationSection
from .texts import Section

__all__ = ["RISK_ORIGIN", "Resolved", "Secrets", "Settings", "known_keys", "resolve"]


RISK_ORIGIN = "risk profile"


class Settings(Section):
    """Everything that ``mettle.toml`` may hold."""

    profile: str = ""
    """Named profile below the file: conservative, moderate, aggressive, or one of `profiles`."""
    profiles: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Own profiles: `[profiles.NAME.SECTION]`."""
    workspace: WorkspaceSection = WorkspaceSection()
    market: MarketSection = MarketSection()
    simulation: SimulationSection = SimulationSection()
    training: TrainingSection = TrainingSection()
    backtest: BacktestSection = BacktestSection()
    campaign: CampaignSection = CampaignSection()
    paper: PaperSection = PaperSection()
    risk: RiskSection = Field(default_factory=RiskSection)
    notify: NotifySection = NotifySection()

    @model_validator(mode="after")
    def _leverage_needs_a_lender(self) -> Self:
        spot = not any(Symbol.parse(symbol).is_perpetual for symbol in self.market.symbols)
        leverage = self.risk.leverage
        if leverage is not None and leverage > 1 and spot and self.simulation.leverage == 1:
            raise ValueError(
                f"risk.leverage must be 1 on a cash account (market.symbols are spot and "
                f"simulation.leverage is 1), was {leverage}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings, where they belong and where each value came from.

    Attributes:
        origins: By dotted key; a key that is not in it is a default.
    """

    settings: Settings
    places: Places
    secrets: Secrets
    origins: Mapping[str, str]

    @property
    def data(self) -> Path:
        """The candle lake."""
        return self.places.home / self.settings.workspace.data

    @property
    def models(self) -> Path:
        """The folder of models."""
        return self.places.home / self.settings.workspace.models

    @property
    def kill(self) -> Path:
        """The folder of the kill flags."""
        return self.places.home / "kill"

    @property
    def notices(self) -> Path | None:
        """The file of messages to people; None if none is wanted."""
        named = self.settings.notify.file
        return self.places.home / named if named else None

    @property
    def runs(self) -> Path:
        """The folder of checkpoints and logs."""
        return self.places.home / self.settings.workspace.runs

    @property
    def reports(self) -> Path:
        """The folder of tear sheets."""
        return self.places.home / self.settings.workspace.reports

    @property
    def database(self) -> str:
        """The database: a path, or a URL, which may hold a password."""
        if self.secrets.database_url is not None:
            return self.secrets.database_url.get_secret_value()
        named = self.settings.workspace.database
        return named if "://" in named else str(self.places.home / named)

    def limits(self, name: str) -> RiskSection | None:
        """Return the limits that a run is told to keep to; None if it is told of none.

        Args:
            name: ``none``, ``own`` for the section ``[risk]``, or a named risk profile: that one,
                with what you change of it in ``[risk]``.

        Raises:
            ConfigError: If there is none of that name, or your changes do not agree with it.
        """
        if name == NO_LIMITS:
            return None
        if name in {OWN, self.settings.risk.profile}:
            return self.settings.risk
        if name not in LIMITS:
            mend = did_you_mean(name, LIMITS, f"use one of {', '.join(LIMITS)}")
            raise ConfigError(f"--profile must be a risk profile, was {name!r}", mend=mend)
        changes = {
            key: value
            for key, value, origin in self.rows()
            if key.startswith("risk.") and key in self.origins and RISK_ORIGIN not in origin
        }
        values = self.settings.model_dump(mode="json", by_alias=True, exclude={"risk"})
        values |= nest(changes | {"risk.profile": name})
        try:
            return Settings.model_validate(values).risk
        except ValidationError as error:
            origins = {**self.origins, "risk.profile": "flag"}
            raise _explain(error.errors()[0], origins, self.places) from error

    def rows(self) -> list[tuple[str, object, str]]:
        """Return (key, value, origin) of every setting, in the order of the sections."""
        values = self.settings.model_dump(mode="json", by_alias=True, exclude={"profiles"})
        return [(key, value, self.origins.get(key, "default")) for key, value in flatten(values)]


def known_keys() -> list[str]:
    """Return every dotted key."""
    return [
        key
        for key, _ in flatten(Settings().model_dump(mode="json", by_alias=True))
        if not key.startswith("profiles")
    ]


def resolve(
    places: Places,
    *,
    flags: Mapping[str, object] | None = None,
    profile: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Resolved:
    """Read all layers and check them together.

    Args:
        flags: The strongest layer, by dotted key.
        profile: The profile to use instead of the configured one.

    Raises:
        ConfigError: If a key is unknown or a value breaks a rule: with key, value, rule, mend.
    """
    refuse_misspelt(environment, Settings.model_fields)
    strong = [flag_layer(flags or {}), environment_layer(environment), file_layer(places.config)]
    name = profile or next((one.values["profile"] for one in strong if "profile" in one.values), "")
    own = strong[2].values.get("profiles", {})
    layers = (
        [*strong, profile_layer(str(name), own if isinstance(own, Mapping) else {})]
        if name
        else strong
    )
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in reversed(layers):
        values = merge(values, layer.values)
        origins |= layer.origins
    origins = _risk_origins(values.get("risk", {})) | origins
    if profile:
        values["profile"], origins["profile"] = profile, "flag"
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise _explain(error.errors()[0], origins, places) from error
    return Resolved(settings, places, read_secrets(places.home, environment), origins)


def _risk_origins(section: object) -> dict[str, str]:
    """Return the origin of every key that the chosen risk profile sets."""
    name = section.get("profile", DEFAULT) if isinstance(section, Mapping) else DEFAULT
    if name not in NAMES:
        return {}
    return {f"risk.{key}": f"{RISK_ORIGIN} {name}" for key, _ in flatten(risk_profile_values(name))}


def _origin(key: str, rule: str, origins: Mapping[str, str]) -> str:
    """Return where the offending value was written: of the keys that a rule names, the user's."""
    named = re.findall(r"[a-z_]+(?:\.[a-z_]+)+", rule)
    named += [f"{key}.{word}" for word in re.findall(r"[a-z_]+", rule)]
    inside = (one for one in origins if key and one.startswith(f"{key}."))
    found = [origins[one] for one in (key, *named) if one in origins]
    found.sort(key=lambda where: where != "flag")  # the newest hand
    found += [origins[one] for one in inside]
    own = (where for where in found if not where.startswith(RISK_ORIGIN))
    return next(own, next(iter(found), ""))


def _explain(found: ErrorDetails, origins: Mapping[str, str], places: Places) -> ConfigError:
    key = ".".join(str(part) for part in found["loc"] if isinstance(part, str))
    origin = _origin(key, found["msg"], origins)
    place = f" ({origin})" if origin else ""
    if found["type"] == "extra_forbidden":
        known = known_keys()
        sections = sorted({one.rsplit(".", 1)[0] for one in known if "." in one})
        section = key.rpartition(".")[0]
        siblings = [one for one in known if one.rpartition(".")[0] == section]
        mend = did_you_mean(key, siblings + sections) or did_you_mean(key, known)
        return ConfigError(
            f"unknown setting {key!r}{place}", mend=mend or "see `mettle config show` for all keys"
        )
    rule = found["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    rule = re.sub(r"^(Tuple|List) should have", "must have", rule).replace(" after validation", "")
    if found["type"] == "too_short":
        rule = "must name at least one"
    if found["type"] == "string_too_short":
        rule = "must not be empty"
    if found["type"] == "model_type":
        rule = "must be a section with keys of its own"
    rule = rule[:1].lower() + rule[1:]
    shown = "" if isinstance(found["input"], Mapping) else f", was {str(found['input'])!r}"
    verb = rule.startswith(("must ", "has "))
    whole = not key or rule.startswith(f"{key}.")
    what = rule if whole else f"{key} {rule}" if verb else f"{key}: {rule}"
    if origin.startswith("environment"):
        mend = f"correct or unset {origin.removeprefix('environment ')}"
    elif origin == "flag":
        mend = "correct the flag"
    else:
        mend = f"correct it in {places.config}"
    return ConfigError(f"{what.strip()}{shown}{place}", mend=mend)
