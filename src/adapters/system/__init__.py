"""Time, identifiers and randomness of the machine, and their reproducible twins."""

from .clock import SimulatedClock, SystemClock
from .ids import RandomIds, SequentialIds
from .randomness import PhiloxRandomness

__all__ = ["PhiloxRandomness", "RandomIds", "SequentialIds", "SimulatedClock", "SystemClock"]
