"""The files of trials: a folder each, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...application.campaign.records import TrialAttempt
from ...application.learning.strict import canonical
from ...application.ports.trial_files import FoldResult
from ...domain.errors import ArtefactError, MettleError, StorageError
from .folders import read_regular, recover_folder, storage_error, write_folder

_RETURNS = "returns.npy"
_BODY = "body.json"
_LIMIT = 1 << 30
_SLACK = 64 << 20


class TrialFolders:
    """Trials under one folder of runs: ``STUDY/trials/0007/``.

    Args:
        root: The folder of runs.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, attempt: TrialAttempt) -> Path:
        """See :class:`~mettle.application.ports.trial_files.TrialFiles`."""
        return self._root / attempt.study / "trials" / f"{attempt.number:04d}"

    def check_space(self, needed: int) -> None:
        """See the port."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._root).free
        except OSError as error:
            raise storage_error(self._root, error) from error
        if free < needed + _SLACK:
            raise StorageError(
                f"{self._root} has {free >> 20} MiB free, what is to be done may need "
                f"{(needed + _SLACK) >> 20}",
                mend="free some space, then `mettle study resume` goes on",
            )

    def folds(self, attempt: TrialAttempt, fingerprint: str) -> Sequence[FoldResult]:
        """See the port."""
        found: list[FoldResult] = []
        while True:
            place = self._fold(attempt, len(found))
            recover_folder(place)
            if not place.is_dir():
                return found
            try:
                returns, body = _read(place)
            except (MettleError, ValueError):
                return found  # damaged: this fold and the later ones are done again
            if body.get("fingerprint") != fingerprint:
                return found
            found.append(FoldResult(returns, body["figures"]))

    def write_fold(
        self, attempt: TrialAttempt, fingerprint: str, index: int, result: FoldResult
    ) -> None:
        """See the port."""
        body = {"fingerprint": fingerprint, "figures": dict(result.figures)}
        _write(self._fold(attempt, index), result.returns, body)

    def write_result(
        self, attempt: TrialAttempt, returns: NDArray[np.float64], body: Mapping[str, Any]
    ) -> str:
        """See the port."""
        return _write(self._result(attempt), returns, body)

    def read_result(self, attempt: TrialAttempt) -> tuple[NDArray[np.float64], Mapping[str, Any]]:
        """See the port."""
        place = self._result(attempt)
        found = hashlib.sha256(read_regular(place, _BODY, _LIMIT)).hexdigest()
        if found != attempt.digest:
            raise ArtefactError(
                f"{place / _BODY} has the hash {found[:16]}…, the database says "
                f"{attempt.digest[:16]}…",
                mend="restore the file from a backup, or run the study again under another name",
            )
        return _read(place)

    def tidy(self, attempt: TrialAttempt) -> None:
        """See the port."""
        folder, kept = self.folder(attempt), self._result(attempt).name
        if not folder.is_dir():
            return
        for one in folder.iterdir():
            if one.name != kept and not one.name.startswith("logs"):
                shutil.rmtree(one, ignore_errors=True)  # a leftover costs only space

    def _fold(self, attempt: TrialAttempt, index: int) -> Path:
        return self.folder(attempt) / f"fold-{index:02d}"

    def _result(self, attempt: TrialAttempt) -> Path:
        return self.folder(attempt) / f"result-{attempt.attempt:02d}-{attempt.epoch:02d}"


def _write(place: Path, returns: NDArray[np.float64], body: Mapping[str, Any]) -> str:
    """Write a folder of two files; the hash of the second vouches for the first."""
    buffer = io.BytesIO()
    np.save(buffer, returns, allow_pickle=False)
    data = buffer.getvalue()
    text = canonical({**body, "returns_sha256": hashlib.sha256(data).hexdigest()})
    write_folder(place, {_RETURNS: data, _BODY: text})
    return hashlib.sha256(text).hexdigest()


def _read(place: Path) -> tuple[NDArray[np.float64], dict[str, Any]]:
    body = json.loads(read_regular(place, _BODY, _LIMIT))
    data = read_regular(place, _RETURNS, _LIMIT)
    stated = body.pop("returns_sha256", "")
    if hashlib.sha256(data).hexdigest() != stated:
        raise ArtefactError(f"{place / _RETURNS} is damaged")
    returns: NDArray[np.float64] = np.load(io.BytesIO(data), allow_pickle=False)
    return returns, body
