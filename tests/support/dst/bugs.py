"""Bugs to plant into the product, one at a time: each must be found by the oracle.

A bug is a patch of one function or class attribute of the real code; the simulation then runs as
always. What finds no planted bug proves little when it finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Patch = Callable[[Any], Any]


@dataclass(frozen=True)
class Bug:
    """One planted bug.

    Attributes:
        rule: The invariant or rule of the contract that it breaks.
        owner: Class or module that is patched, and ``name`` the attribute.
        make: Returns what takes its place, from what was there.
        needs: Traits of the worlds in which it can show, as ``WorldPlan`` fields.
    """

    key: str
    rule: str
    owner: Any
    name: str
    make: Patch
    needs: tuple[tuple[str, Any], ...] = ()

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have the bug while the block runs."""
        there = self.owner.__dict__.get(self.name, None)
        before = getattr(self.owner, self.name)
        raw = there if there is not None else before
        setattr(self.owner, self.name, self.make(raw))
        try:
            yield
        finally:
            if there is None and isinstance(self.owner, type):
                delattr(self.owner, self.name)
            else:
                setattr(self.owner, self.name, raw)
