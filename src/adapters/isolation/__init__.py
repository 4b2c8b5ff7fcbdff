"""Work on files that nobody vouches for, in a process that can do no harm.

Nothing here imports a library: the child locks itself in before it loads any.
"""

from . import landlock, seccomp
from .cell import Limits, run_in_cell

__all__ = ["Limits", "landlock", "run_in_cell", "seccomp"]
