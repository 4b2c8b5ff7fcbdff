"""Holding the books against the venue, and acting on what differs."""

from .gear import AccountBooks, ModeBoard, ReconcilePlan
from .reconciler import Outcome, Reconciler

__all__ = ["AccountBooks", "ModeBoard", "Outcome", "ReconcilePlan", "Reconciler"]
