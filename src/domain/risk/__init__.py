"""What may be risked, and who says so."""

from .breaker_state import BreakerEvent, BreakerEventKind, BreakerState, Phase
from .breakers import Breakers
from .engine import RiskEngine
from .exposure import AssetExposure, Exposure
from .margin import margin_reductions, margin_usage
from .mode import EVERY_SYMBOL, Mode, ModeCause, effective, permits
from .profile import ConfidenceSource, MarginAction, RiskProfile
from .rules import KINDS, BreakerKind, BreakerRule, Unit
from .sizing import half_size, lots_at_risk, risk_distance
from .stops import AtrStops, StopLevels, protective_levels
from .verdict import Approved, Refused, Verdict

__all__ = [
    "EVERY_SYMBOL",
    "KINDS",
    "Approved",
    "AssetExposure",
    "AtrStops",
    "BreakerEvent",
    "BreakerEventKind",
    "BreakerKind",
    "BreakerRule",
    "BreakerState",
    "Breakers",
    "ConfidenceSource",
    "Exposure",
    "MarginAction",
    "Mode",
    "ModeCause",
    "Phase",
    "Refused",
    "RiskEngine",
    "RiskProfile",
    "StopLevels",
    "Unit",
    "Verdict",
    "effective",
    "half_size",
    "lots_at_risk",
    "margin_reductions",
    "margin_usage",
    "permits",
    "protective_levels",
    "risk_distance",
]
