"""Checkpoints of a training run: folders of safetensors and JSON, newest last."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ...application.learning.strict import Fields, canonical
from ...domain.errors import DataError, MettleError, NotFound, StorageError
from ..persistence.folders import read_regular, storage_error, write_folder
from .run_state import TrainingState

_VERSION = 1
_STATE = "state.json"
_TENSORS = "state.safetensors"
_NAME = re.compile(r"frames-(\d{15})")
_LIMIT = 1 << 36
_SLACK = 64 << 20  # TensorBoard's scalars and the file system's own needs


class Checkpoints:
    """The last few states of one run.

    Args:
        root: Their folder.
        fingerprint: Identifies the job; a checkpoint of another one is refused.
        keep: How many are kept.
    """

    def __init__(self, root: Path, fingerprint: str, keep: int) -> None:
        self._root = root
        self._fingerprint = fingerprint
        self._keep = keep

    def check_space(self, state_bytes: int) -> None:
        """Refuse to begin what would not fit.

        Raises:
            StorageError: If the disk has no room for the checkpoints to come.
        """
        needed = (self._keep + 1) * state_bytes + _SLACK
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._root).free
        except OSError as error:
            raise storage_error(self._root, error) from error
        if free < needed:
            raise StorageError(
                f"{self._root} has {free >> 20} MiB free, this training may need {needed >> 20}",
                mend="free some space, or train in another folder",
            )

    def frames(self) -> list[int]:
        """Return the frame counts of the checkpoints held, rising."""
        if not self._root.is_dir():
            return []
        found = (_NAME.fullmatch(one.name) for one in self._root.iterdir())
        return sorted(int(one[1]) for one in found if one is not None)

    def clear(self) -> None:
        """Remove every checkpoint: a run that does not resume must not mix with an old one.

        Raises:
            StorageError: If one cannot be removed.
        """
        for frames in self.frames():
            self._remove(frames)

    def write(self, state: TrainingState) -> Path:
        """Keep ``state`` and drop the oldest beyond the number kept.

        Raises:
            StorageError: If the disk is full; the earlier checkpoints stay.
        """
        tensors = save({name: np.ascontiguousarray(one) for name, one in state.tensors.items()})
        body = {
            "version": _VERSION,
            "fingerprint": self._fingerprint,
            "tensors_sha256": hashlib.sha256(tensors).hexdigest(),
            "numbers": state.numbers,
        }
        text = json.dumps({**body, "digest": hashlib.sha256(canonical(body)).hexdigest()})
        path = self._path(state.frames)
        write_folder(path, {_TENSORS: tensors, _STATE: text.encode()})
        for frames in self.frames()[: -self._keep]:
            self._remove(frames)
        return path

    def latest(self) -> TrainingState:
        """Return the newest state.

        Raises:
            NotFound: If there is none.
            DataError: If it is damaged or of another job.
        """
        held = self.frames()
        if not held:
            raise NotFound(f"no checkpoint in {self._root}", mend="train without resuming")
        path = self._path(held[-1])
        try:
            return self._read(path)
        except (MettleError, SafetensorError, ValueError, KeyError) as error:
            earlier = f", or delete {path.name} to go on from the one before"
            raise DataError(
                f"checkpoint {path}: {getattr(error, 'message', error)}",
                mend="train without resuming" + (earlier if len(held) > 1 else ""),
            ) from error

    def _read(self, path: Path) -> TrainingState:
        values = Fields.parse(read_regular(path, _STATE, _LIMIT), "checkpoint")
        values.verify_digest()
        if (version := values.take("version", int)) != _VERSION:
            raise DataError(f"format {version} is not {_VERSION}")
        if values.take("fingerprint", str) != self._fingerprint:
            raise DataError("it belongs to other bars, features, settings or seed")
        stated = values.take("tensors_sha256", str)
        numbers = values.take("numbers", dict)
        values.finish()
        tensors = read_regular(path, _TENSORS, _LIMIT)
        if hashlib.sha256(tensors).hexdigest() != stated:
            raise DataError(f"{_TENSORS} is damaged")
        return TrainingState(load(tensors), numbers)

    def _path(self, frames: int) -> Path:
        return self._root / f"frames-{frames:015d}"

    def _remove(self, frames: int) -> None:
        try:
            shutil.rmtree(self._path(frames))
        except OSError as error:
            raise storage_error(self._path(frames), error) from error
