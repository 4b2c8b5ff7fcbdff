"""Who works on what, as a port."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Claims(Protocol):
    """Lets one process at a time work on a run or a study. Adapter: locks of files.

    A claim ends with the process that holds it, however that ends.
    """

    def hold(self, kind: str, name: str) -> AbstractContextManager[None]:
        """Hold ``name``, a ``run`` or a ``study``, for the length of a block.

        Raises:
            RefusedForSafety: If another process holds it.
            StorageError: If the claim cannot be written.
        """

    def held(self, kind: str, name: str) -> bool:
        """Return whether a process on this machine works on ``name``."""
