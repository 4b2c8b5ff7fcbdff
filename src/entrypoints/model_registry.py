"""The Python face of the models' registry and files: ``workspace.registry``."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..application.learning.garbage import Keeping, Verdict
from ..application.learning.manifest import PolicyManifest
from ..application.learning.registry import (
    CHAMPION,
    FailureGroup,
    ModelRecord,
    ModelStatus,
    Ranking,
    RegistryEvent,
    Sign,
    StudyProgress,
)
from ..application.learning.take_over import ForeignRequest, TakenOver
from ..application.ports.model_registry import Wanted
from ..domain.errors import ArtefactError, InvalidValue, NotFound
from ..domain.market import Instrument, Symbol, Timeframe
from .agents import free_name
from .container import ApplicationContainer
from .settings import Settings
from .suggest import did_you_mean

_PACKED_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at one model's files found.

    Attributes:
        problem: What is wrong, "" if nothing.
        registered: Whether the registry knows the model with these very files.
    """

    name: str
    problem: str
    registered: bool


class ModelRegistryFace:
    """Every attempt at a model, who serves, and the files."""

    def __init__(self, container: ApplicationContainer, settings: Settings) -> None:
        self._container = container
        self._settings = settings

    def list(
        self,
        *,
        study: str | None = None,
        status: str | None = None,
        timeframe: str | None = None,
        limit: int | None = None,
    ) -> Sequence[ModelRecord]:
        """Return attempts, newest first.

        Raises:
            InvalidValue: If there is no such status.
        """
        chosen = None if status is None else _member(ModelStatus, status, "status")
        wanted = Wanted(study=study, status=chosen, timeframe=timeframe)
        return self._container.registry().list(wanted, limit=limit)

    def best(
        self,
        limit: int = 10,
        *,
        by: str = "sharpe",
        study: str | None = None,
        timeframe: str | None = None,
    ) -> Sequence[ModelRecord]:
        """Return the best models.

        Args:
            by: ``sharpe``, ``sharpe_low``, ``total_return`` or ``max_drawdown``.
        """
        chosen = _member(Ranking, by, "ranking")
        return self._container.registry().best(limit, by=chosen, study=study, timeframe=timeframe)

    def failures(self, study: str | None = None) -> Sequence[FailureGroup]:
        """Return failed attempts grouped by their error, the most frequent first."""
        return self._container.registry().failures(study)

    def progress(self, study: str | None = None) -> Sequence[StudyProgress]:
        """Return how many trials of each study stand where."""
        return self._container.registry().progress(study)

    def get(self, model: str) -> ModelRecord:
        """Return a model by id, alias or name.

        Raises:
            NotFound: If there is none, with the nearest name.
        """
        found = self._container.registry().find(model)
        if found is None:
            known = sorted({one.name for one in self._container.registry().list()})
            otherwise = "`mettle models list --attempts` shows all"
            raise NotFound(
                f"no model {model!r} is registered", mend=did_you_mean(model, known, otherwise)
            )
        return found

    def history(self, model: str) -> Sequence[RegistryEvent]:
        """Return what happened to a model, oldest first."""
        return self._container.registry().history(self.get(model).model_id)

    def aliases(self) -> Mapping[str, str]:
        """Return model ids by alias."""
        return self._container.registry().aliases()

    def holder(self, alias: str) -> ModelRecord | None:
        """Return the record of the model that has an alias, None if none has it."""
        model_id = self.aliases().get(alias)
        return None if model_id is None else self._container.registry().get(model_id)

    def promote(self, model: str, alias: str = CHAMPION, *, reason: str = "") -> ModelRecord:
        """Give an alias to a model after verifying its files, and return its record.

        Raises:
            NotFound: If there is no such model, or its files are not here.
            ArtefactError: If its files are damaged, or not those that were registered.
            InvalidValue: If it cannot serve, or the alias is no name.
        """
        record = self.get(model)
        # A trial of a rule has no files; who has some must have these very ones.
        if record.paths.artefact and record.collected_at is None:
            digest = record.hashes.artefact or None
            self._container.artefacts().load(record.paths.artefact, digest=digest)
        self._container.registry().set_alias(alias, record.model_id, self._sign(reason))
        return record

    def rollback(self, alias: str = CHAMPION, *, reason: str = "") -> ModelRecord:
        """Give an alias back to the model that had it before.

        Raises:
            NotFound: If none had it before.
        """
        now = self.aliases().get(alias)
        events = self._container.registry().alias_history(alias)
        before = next((one.before for one in reversed(events) if one.before not in ("", now)), None)
        if before is None:
            raise NotFound(
                f"no model was {alias} before", mend="see `mettle models history` of the model"
            )
        return self.promote(before, alias, reason=reason or "rolled back")

    def verify(self, model: str | None = None) -> Sequence[Verified]:
        """Look at the files of one model, or of all: hashes, signature, and the registry's hash."""
        names = self._container.artefacts().names() if model is None else [self._held(model)]
        return [self._look(name) for name in names]

    def export(self, model: str, path: str | Path) -> Path:
        """Write a model to one file that another workspace can import; an existing one stays.

        Raises:
            NotFound, ArtefactError: If there is no such model, or it is damaged.
            InvalidValue: If the file exists.
        """
        from ..adapters.persistence.artefacts.archive import pack
        from ..adapters.persistence.folders import storage_error

        target = Path(path).expanduser()
        data = pack(self._container.artefacts().export(self._held(model)))
        try:
            with target.open("xb") as file:
                file.write(data)
        except FileExistsError:
            raise InvalidValue(f"{target} exists", mend="name another file") from None
        except OSError as error:
            raise storage_error(target, error, "--to") from error
        return target

    def is_foreign(self, path: str | Path) -> bool:
        """Return whether a file is another program's, and no exported model."""
        from ..adapters.persistence.artefacts.archive import is_packed

        return not is_packed(_bytes(Path(path)))

    def import_export(
        self, path: str | Path, *, trust: bool = False, reason: str = "", replace: bool = False
    ) -> PolicyManifest:
        """Take in a model that another workspace exported.

        Args:
            trust: Vouch for it, whoever signed it. Who and why is recorded.

        Raises:
            ArtefactError: If it is damaged, or signed by nobody who is trusted.
            InvalidValue: If its name is taken.
        """
        from ..adapters.persistence.artefacts.archive import unpack
        from ..adapters.persistence.artefacts.codec import MANIFEST, SIGNATURE
        from ..application.learning.signature import Signature

        data = _bytes(Path(path))
        files = unpack(data)
        if not trust:
            # Before the manifest is parsed, even for its name.
            try:
                signature = Signature.from_json(files.get(SIGNATURE, b""))
                self._container.keys().verify(files.get(MANIFEST, b""), signature)
            except ArtefactError as error:
                mend = f"if you know where it is from: --trust --reason …, or {error.mend}"
                raise ArtefactError(f"{path}: {error.message}", mend=mend) from error
        store = self._container.artefacts()
        name = PolicyManifest.from_json(files.get(MANIFEST, b"")).name
        free_name(name, store, replace=replace)
        manifest = store.adopt(name, files, trust=trust, replace=replace)
        self._container.registrar().take_in(manifest, _source(data, files), self._sign(reason))
        return manifest

    def import_foreign(
        self,
        path: str | Path,
        name: str,
        *,
        normaliser: str | Path | None = None,
        period: tuple[int, int] | None = None,
        reason: str = "",
        replace: bool = False,
    ) -> TakenOver:
        """Take over a zip of Stable-Baselines3, read in an isolated process.

        Symbols, timeframe, features, window and market are those of the settings.

        Args:
            normaliser: Its ``vecnormalize.pkl``, if it was trained behind one.
            period: Training bars from and until, Unix milliseconds; unknown if None, and then
                every bar until now counts as seen.

        Raises:
            ArtefactError: If it is damaged, hostile, or does not fit.
            RefusedForSafety: If this machine cannot isolate a process.
            NotFound: If a file, or the terms of a symbol, are not here.
            InvalidValue: If the name is taken.
        """
        chosen = self._settings
        grid = Timeframe.parse(chosen.market.timeframe)
        request = ForeignRequest(
            name=free_name(name, self._container.artefacts(), replace=replace),
            model=Path(path),
            normaliser=None if normaliser is None else Path(normaliser),
            instruments=tuple(self._terms(text, grid) for text in chosen.market.symbols),
            timeframe=grid,
            feature_set=chosen.training.feature_set(),
            window=chosen.training.window,
            settings=chosen.simulation.to_domain(),
            sign=self._sign(reason),
            period=period,
            replace=replace,
        )
        return self._container.take_over()(request)

    def trust(self, model: str, *, reason: str) -> PolicyManifest:
        """Vouch for a model that is not signed, or by a stranger; all other checks are made.

        Raises:
            NotFound, ArtefactError: If there is no such model, or it is damaged.
            InvalidValue: If no reason is given.
        """
        if not reason.strip():
            raise InvalidValue("an act of trust needs a reason", mend="say where it is from")
        manifest = self._container.artefacts().trust(self._held(model))
        source = f"manifest {manifest.digest}"
        self._container.registrar().take_in(manifest, source, self._sign(reason))
        return manifest

    def trust_key(self, path: str | Path, name: str) -> Path:
        """Let the models of another workspace count from now on.

        Args:
            path: Its ``keys/signing.pub``.
            name: What to call it.
        """
        try:
            text = Path(path).expanduser().read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise NotFound(f"{path} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidValue(f"{path} is no public key: {error}") from error
        return self._container.keys().trust(text, name)

    def collect_garbage(
        self, *, apply: bool = False, best: int = 3, hours: float = 24.0
    ) -> Sequence[Verdict]:
        """Return which models nothing needs, and remove them only if ``apply`` is set."""
        collector = self._container.collect_garbage()
        keeping = Keeping(best=best, hours=hours)
        return collector(keeping, self._sign("garbage")) if apply else collector.plan(keeping)

    def _look(self, name: str) -> Verified:
        try:
            manifest = self._container.artefacts().verify(name)
        except ArtefactError as error:
            return Verified(name, error.message, registered=False)
        return Verified(name, "", self._container.registrar().of(manifest) is not None)

    def _held(self, model: str) -> str:
        """Return the name of a model whose files are here, by name or alias."""
        names = self._container.artefacts().names()
        if model in names:
            return model
        record = self.holder(model)
        name = None if record is None else record.name
        if name is None or name not in names:
            raise NotFound(
                f"no model is called {model!r}",
                mend=did_you_mean(model, names, "`mettle models list` shows all"),
            )
        return name

    def _terms(self, text: str, grid: Timeframe) -> Instrument:
        symbol = Symbol.parse(text)
        for one in self._container.bars().catalogue():
            if one.instrument.symbol == symbol and one.timeframe == grid:
                return one.instrument
        raise NotFound(
            f"the terms of {symbol} are not known: no {grid} bars of it are held",
            mend=f"mettle data get {symbol} -t {grid}",
        )

    def _sign(self, reason: str) -> Sign:
        try:
            person = getpass.getuser()
        except (KeyError, OSError):  # a container without a list of users
            person = f"user {os.getuid()}"
        return Sign(at=self._container.clock().now_ms(), by=person, reason=reason)


T = TypeVar("T", ModelStatus, Ranking)


def _member(kind: type[T], text: str, what: str) -> T:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(one.value for one in kind)
        raise InvalidValue(f"no {what} is called {text!r}", mend=f"one of {known}") from None


def _bytes(path: Path) -> bytes:
    from ..adapters.persistence.folders import read_regular

    whole = path.expanduser().absolute()
    return read_regular(whole.parent.resolve(), whole.name, _PACKED_LIMIT)


def _source(data: bytes, files: Mapping[str, bytes]) -> str:
    import hashlib

    from ..adapters.persistence.artefacts.codec import SIGNATURE
    from ..application.learning.signature import Signature

    signed = files.get(SIGNATURE)
    signer = "unsigned" if signed is None else f"signed by {Signature.from_json(signed).key}"
    return f"sha256 {hashlib.sha256(data).hexdigest()}, {signer}"
