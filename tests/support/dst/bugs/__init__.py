"""Bugs to plant into the product, one at a time: each must be found by the oracle.

A bug replaces functions of the real code; the simulation then runs as always. What finds no planted
bug proves little when it finds nothing.
"""

from .bug import Bug
from .orders import ORDER_BUGS
from .rest import OTHER_BUGS

BUGS = {bug.key: bug for bug in (*ORDER_BUGS, *OTHER_BUGS)}
"""All of them, by what they do wrong."""

__all__ = ["BUGS", "Bug"]
