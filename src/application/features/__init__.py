"""What is checked of features before anything trusts them."""

from .lookahead import Leak, find_lookahead

__all__ = ["Leak", "find_lookahead"]
