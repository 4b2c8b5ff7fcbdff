"""Is a Sharpe ratio luck? All ratios here are per bar, un-annualised.

Sources: Bailey & López de Prado, "The Sharpe Ratio Efficient Frontier" (2012) for the probabilistic
ratio and the minimum track record; the same, "The Deflated Sharpe Ratio" (2014); Lo, "The
Statistics of Sharpe Ratios" (2002); Mertens, "Comments on Variance of the IID Estimator" (2002).
"""

from __future__ import annotations

import math
from statistics import NormalDist

from ..errors import InvalidValue

_NORMAL = NormalDist()
EULER_MASCHERONI = 0.577_215_664_901_532_9


def sharpe_variance(ratio: float, skewness: float = 0.0, kurtosis: float = 3.0) -> float:
    """Return n × the variance of the estimator: ``1 − γ₃·SR + (γ₄ − 1)/4·SR²``.

    Skewness 0 and kurtosis 3 give Lo's ``1 + SR²/2``.

    Raises:
        InvalidValue: If the moments are impossible (the result would not be positive).
    """
    variance = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio * ratio
    if not variance > 0.0:
        raise InvalidValue(
            f"skewness {skewness} and kurtosis {kurtosis} cannot belong to one distribution"
        )
    return variance


def sharpe_interval(
    ratio: float, n: int, level: float = 0.9, *, skewness: float = 0.0, kurtosis: float = 3.0
) -> tuple[float, float]:
    """Return the analytic interval for independent returns (Lo 2002; Mertens 2002).

    Args:
        ratio: Sharpe per bar.
        n: Number of returns, at least 2.
        level: Coverage, both tails equal.
    """
    if n < 2:
        raise InvalidValue(f"an interval needs at least 2 returns, had {n}")
    error = math.sqrt(sharpe_variance(ratio, skewness, kurtosis) / (n - 1))
    reach = _NORMAL.inv_cdf(0.5 + level / 2.0) * error
    return ratio - reach, ratio + reach


def probabilistic_sharpe(
    ratio: float, n: int, benchmark: float = 0.0, *, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that the true Sharpe exceeds ``benchmark``.

    ``PSR = Φ((SR − SR*)·√(n − 1) / √(1 − γ₃·SR + (γ₄ − 1)/4·SR²))``.
    """
    if n < 2:
        raise InvalidValue(f"a probabilistic Sharpe needs at least 2 returns, had {n}")
    spread = math.sqrt(sharpe_variance(ratio, skewness, kurtosis))
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt(n - 1) / spread)


def expected_best_sharpe(trials: int, variance: float) -> float:
    """Return the Sharpe that the best of ``trials`` without skill is expected to show.

    ``SR₀ = √V·((1 − γ)·Φ⁻¹(1 − 1/N) + γ·Φ⁻¹(1 − 1/(N·e)))``; 0 for a single trial.

    Args:
        trials: N, all trials ever started on the data, failed and pruned included.
        variance: Variance of the completed trials' Sharpe ratios.
    """
    if trials < 1 or not variance >= 0.0:
        raise InvalidValue(f"needs ≥ 1 trial and a variance ≥ 0, had {trials} and {variance}")
    if trials == 1:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second)


def deflated_sharpe(
    ratio: float,
    n: int,
    *,
    trials: int,
    variance: float,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Return the probabilistic Sharpe against the best that luck alone would have shown."""
    return probabilistic_sharpe(
        ratio, n, expected_best_sharpe(trials, variance), skewness=skewness, kurtosis=kurtosis
    )


def minimum_track_record(
    ratio: float,
    benchmark: float = 0.0,
    *,
    confidence: float = 0.95,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float | None:
    """Return how many returns prove ``ratio > benchmark``; None if no record could.

    ``MinTRL = 1 + (1 − γ₃·SR + (γ₄ − 1)/4·SR²)·(Φ⁻¹(confidence) / (SR − SR*))²``.
    """
    if ratio <= benchmark:
        return None
    quantile = _NORMAL.inv_cdf(confidence)
    spread = sharpe_variance(ratio, skewness, kurtosis)
    return 1.0 + spread * (quantile / (ratio - benchmark)) ** 2
