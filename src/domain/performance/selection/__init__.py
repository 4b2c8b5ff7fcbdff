"""Choosing among trials without fooling oneself: splits, overfitting, the verdict.

Definitions and sources: docs/concepts/selection.md.
"""

from .choice import lower_bounds, pareto_front, top_by_lower_bound
from .cross_validation import CombinatorialPurged, Span, Split
from .overfitting import MIN_BARS_A_BLOCK, Overfitting, overfitting_probability
from .verdict import Criterion, SelectionRules, StudyVerdict, judge_study, plan_verdict

__all__ = [
    "MIN_BARS_A_BLOCK",
    "CombinatorialPurged",
    "Criterion",
    "Overfitting",
    "SelectionRules",
    "Span",
    "Split",
    "StudyVerdict",
    "judge_study",
    "lower_bounds",
    "overfitting_probability",
    "pareto_front",
    "plan_verdict",
    "top_by_lower_bound",
]
