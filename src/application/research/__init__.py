"""Research: is it luck, does it know the future, does it survive trouble?"""

from .cross_validate import CrossValidation, Fit, PathResult, SplitResult, cross_validate
from .decisions import DecisionLeak, find_decision_leaks
from .ensemble import Ensemble, mean_agreement
from .family import best_on, expand_grid, judge_family, judge_returns
from .ground import Ground, Tools, trial_returns
from .stress import SCENARIOS, Scenario, StressResult, StressTools, run_stress
from .sweep import SweepResult, SweepRow, run_sweep, slowest

__all__ = [
    "SCENARIOS",
    "CrossValidation",
    "DecisionLeak",
    "Ensemble",
    "Fit",
    "Ground",
    "PathResult",
    "Scenario",
    "SplitResult",
    "StressResult",
    "StressTools",
    "SweepResult",
    "SweepRow",
    "Tools",
    "best_on",
    "cross_validate",
    "expand_grid",
    "find_decision_leaks",
    "judge_family",
    "judge_returns",
    "mean_agreement",
    "run_stress",
    "run_sweep",
    "slowest",
    "trial_returns",
]
