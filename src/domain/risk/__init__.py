"""What may be risked, and who says so."""

from .exposure import AssetExposure, Exposure
from .mode import EVERY_SYMBOL, Mode, ModeCause, effective, permits
from .verdict import Approved, Refused, Verdict

__all__ = [
    "EVERY_SYMBOL",
    "Approved",
    "AssetExposure",
    "Exposure",
    "Mode",
    "ModeCause",
    "Refused",
    "Verdict",
    "effective",
    "permits",
]
