"""Scalars for TensorBoard, written as they come and without a learning library."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from ..persistence.folders import storage_error


class ScalarFile:
    """One event file in a folder; a context that closes it.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        now = time.time()
        name = f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{os.getpid()}.0"
        self._path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self._path.open("ab")
        except OSError as error:
            raise storage_error(folder, error) from error
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=now, file_version="brain.Event:2"))

    def write(self, frames: int, figures: Mapping[str, float]) -> None:
        """Add the figures of one instant by their tags."""
        values = [Summary.Value(tag=tag, simple_value=one) for tag, one in figures.items()]
        self._write(Event(wall_time=time.time(), step=frames, summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        try:
            self._records.write(event.SerializeToString())
            self._file.flush()
        except OSError as error:
            raise storage_error(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise storage_error(self._path, error) from error
