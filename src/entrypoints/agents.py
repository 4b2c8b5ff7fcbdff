"""From a name to what decides: a trained model, or a rule strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..application.backtest import Provenance
from ..application.campaign.space import rule_agent
from ..application.learning.artefact import PolicyArtefact
from ..application.learning.manifest import PolicyManifest
from ..application.learning.registry import ModelRecord
from ..application.ports.agent import Agent
from ..application.ports.artefact_store import ArtefactStore
from ..application.research.ensemble import Ensemble
from ..application.strategies.registry import STRATEGIES, parse_strategy
from ..domain.errors import InvalidValue, NotFound
from .suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Chosen:
    """An agent and where it comes from.

    Attributes:
        manifest: What a model says about itself; None for a strategy.
    """

    agent: Agent
    provenance: Provenance
    manifest: PolicyManifest | None = None

    @property
    def symbols(self) -> list[str] | None:
        """Those of a model's training; None for a strategy, which takes the settings'."""
        return None if self.manifest is None else list(map(str, self.manifest.symbols))

    @property
    def timeframe(self) -> str | None:
        """That of a model's training; None for a strategy, which takes the settings'."""
        return None if self.manifest is None else self.manifest.timeframe.label


Holder = Callable[[str], ModelRecord | None]
"""Returns the record of the model that has an alias, None if nobody has it."""


def choose(name: str, artefacts: ArtefactStore, holder: Holder) -> Chosen:
    """Return the model of that name or alias, or the strategy (``ema-cross:fast=10,slow=30``).

    Several of them joined by ``+`` are an ensemble. A model's own name comes before an alias.

    Raises:
        NotFound: If there is neither, with the nearest name.
        InvalidValue: If a strategy's parameter breaks a rule.
        ArtefactError: If the model is damaged, was changed, or is not what was given the alias.
    """
    if "+" in name:
        return _ensemble([choose(part.strip(), artefacts, holder) for part in name.split("+")])
    rule = name.partition(":")[0]
    if rule in STRATEGIES:
        return Chosen(parse_strategy(name), Provenance(hash=name))
    held = list(artefacts.names())
    if name not in held:
        if (record := holder(name)) is not None:
            return _serving(record, artefacts)
        known = [*held, *STRATEGIES]
        models = ", ".join(held) or "none yet, `mettle train` makes one"
        otherwise = f"models: {models}; strategies: {', '.join(STRATEGIES)}"
        raise NotFound(
            f"no model or strategy is called {name!r}", mend=did_you_mean(rule, known, otherwise)
        )
    return _trained(artefacts.load(name))


def _serving(record: ModelRecord, artefacts: ArtefactStore) -> Chosen:
    """Return who has an alias: the very files that were registered, or a campaign's rule."""
    if record.paths.artefact:
        digest = record.hashes.artefact or None
        return _trained(artefacts.load(record.paths.artefact, digest=digest))
    values = dict(record.hyperparameters)
    agent = rule_agent(str(values.pop("agent", "")), values)
    return Chosen(agent, Provenance(hash=agent.name))


def _trained(artefact: PolicyArtefact) -> Chosen:
    from ..adapters.learning.policy_agent import PolicyAgent

    manifest = artefact.manifest
    provenance = Provenance(manifest.digest, *manifest.period)
    return Chosen(PolicyAgent(artefact), provenance, manifest)


def _ensemble(members: list[Chosen]) -> Chosen:
    """Return members as one agent that has seen what any of them has."""
    manifests = [one.manifest for one in members if one.manifest is not None]
    if len({(one.symbols, one.timeframe, one.settings) for one in manifests}) > 1:
        raise InvalidValue(
            "the members of an ensemble were trained on other symbols, timeframes or settings: "
            f"{', '.join(one.name for one in manifests)}",
            mend="join models of one study",
        )
    seen = [one.provenance for one in members]
    begun = [one.trained_from_ms for one in seen if one.trained_from_ms is not None]
    ended = [one.trained_until_ms for one in seen if one.trained_until_ms is not None]
    provenance = Provenance(
        "+".join(one.hash for one in seen), min(begun, default=None), max(ended, default=None)
    )
    agent = Ensemble([one.agent for one in members])
    return Chosen(agent, provenance, manifests[0] if manifests else None)


def name_held(name: str, artefacts: ArtefactStore, holder: Holder) -> str:
    """Return the name under which the files of a model lie, by its name or alias.

    Raises:
        NotFound: If no model is called so, with the one that was probably meant.
        ArtefactError: If the files are not those that were given the alias.
    """
    held = artefacts.names()
    if name in held:
        return name
    record = holder(name)
    if record is None or not record.paths.artefact:
        known = ", ".join(held) or "none yet, `mettle train` makes one"
        mend = did_you_mean(name, held, f"models: {known}")
        raise NotFound(f"no model is called {name!r}", mend=mend)
    artefacts.load(record.paths.artefact, digest=record.hashes.artefact or None)
    return record.paths.artefact


def free_name(name: str, artefacts: ArtefactStore, *, replace: bool) -> str:
    """Return ``name`` if a new model may have it.

    Raises:
        InvalidValue: If it is a strategy's, or taken and not to be replaced.
    """
    if name in STRATEGIES:
        raise InvalidValue(f"{name!r} is a strategy", mend="choose another name for the model")
    if not replace and name in artefacts.names():
        raise InvalidValue(
            f"there is a model {name!r} already",
            mend="choose another name with --study, or replace it with --replace",
        )
    return name
