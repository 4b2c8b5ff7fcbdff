"""Every known feature as data: for validation, for the documentation, for completion.

In the formulas C, O, H, L are the bar's close, open, high and low, V its volume, Cₙ the close n of
the asset's bars ago. A mean or a sum over n ends with the bar itself unless it says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

LONGEST = 5000
"""Longest window that the kernels take; it keeps their integer sums inside 128 bits."""


class FeatureGroup(Enum):
    """What a feature is about."""

    TREND = "trend"
    MOMENTUM = "momentum"
    VOLATILITY = "volatility"
    VOLUME = "volume"
    CALENDAR = "calendar"
    CROSS_ASSET = "cross-asset"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A whole-number parameter and the bounds it must keep."""

    name: str
    default: int
    low: int = 1
    high: int = LONGEST


@dataclass(frozen=True, slots=True)
class FeatureDefinition:
    """What a feature's name stands for.

    Attributes:
        meaning: One line for people.
        raw: Formula of the raw form, with its unit.
        stationary: Formula of the form that is free of price and quantity units.
        warmup: Bars before the first valid value, in terms of the parameters' names.
        source: Where the formula comes from.
    """

    name: str
    group: FeatureGroup
    parameters: tuple[Parameter, ...]
    meaning: str
    raw: str
    stationary: str
    warmup: str
    source: str = "definition"


def _n(default: int, low: int = 1) -> tuple[Parameter, ...]:
    return (Parameter("n", default, low),)


_SAME = "as raw: free of units"
_MACD = (Parameter("fast", 12), Parameter("slow", 26, 2), Parameter("signal", 9))
_MACD_WARMUP = "slow + signal - 2"
_APPEL = "Appel (1979); seeded as TA-Lib MACD"
_BANDS = (Parameter("n", 20, 2), Parameter("k", 2, 1, 100))
_BOLLINGER = "Bollinger (1983), population deviation; TA-Lib BBANDS"
_LANE = "Lane (1984); TA-Lib STOCH"
_STOCHASTIC = (Parameter("n", 14), Parameter("smooth", 3))
_WILDER = "Wilder (1978)"

_TREND = (
    FeatureDefinition(
        "sma", FeatureGroup.TREND, _n(20), "Simple moving average of the close",
        "mean of C over n, price", "raw / C − 1", "n - 1", "TA-Lib SMA",
    ),
    FeatureDefinition(
        "ema", FeatureGroup.TREND, _n(20), "Exponential moving average of the close",
        "E ← E + (C − E)·2/(n+1), seeded with the mean of the first n, price", "raw / C − 1",
        "n - 1", "TA-Lib EMA",
    ),
    FeatureDefinition(
        "macd", FeatureGroup.TREND, _MACD, "Fast less slow exponential average",
        "ema(fast) − ema(slow), both beginning at the slow one's first value, price", "raw / C",
        _MACD_WARMUP, _APPEL,
    ),
    FeatureDefinition(
        "macd_signal", FeatureGroup.TREND, _MACD, "Exponential average of the MACD line",
        "ema(signal) of macd, price", "raw / C", _MACD_WARMUP, _APPEL,
    ),
    FeatureDefinition(
        "macd_histogram", FeatureGroup.TREND, _MACD, "MACD line less its signal",
        "macd − macd_signal, price", "raw / C", _MACD_WARMUP, _APPEL,
    ),
    FeatureDefinition(
        "bollinger_upper", FeatureGroup.TREND, _BANDS, "Mean and k deviations above",
        "sma(n) + k·rolling_std(n), price", "raw / C − 1", "n - 1", _BOLLINGER,
    ),
    FeatureDefinition(
        "bollinger_middle", FeatureGroup.TREND, _BANDS, "Mean between the bands",
        "sma(n), price", "raw / C − 1", "n - 1", _BOLLINGER,
    ),
    FeatureDefinition(
        "bollinger_lower", FeatureGroup.TREND, _BANDS, "Mean and k deviations below",
        "sma(n) − k·rolling_std(n), price", "raw / C − 1", "n - 1", _BOLLINGER,
    ),
)  # fmt: skip

_MOMENTUM = (
    FeatureDefinition(
        "rsi", FeatureGroup.MOMENTUM, _n(14), "Share of rises in the smoothed moves of the close",
        "100·g/(g+l) with Wilder's averages of rises g and falls l; 0 where nothing moved",
        "(g−l)/(g+l); 0 where nothing moved", "n", f"{_WILDER}; TA-Lib RSI",
    ),
    FeatureDefinition(
        "price_change", FeatureGroup.MOMENTUM, (), "Change of the close against the bar before",
        "100·(C/C₁ − 1), percent", "C/C₁ − 1", "1", "TA-Lib ROC(1)",
    ),
    FeatureDefinition(
        "close_open", FeatureGroup.MOMENTUM, (), "The bar's own change",
        "C/O", "C/O − 1", "0",
    ),
    FeatureDefinition(
        "log_return", FeatureGroup.MOMENTUM, _n(1), "Log return over n bars",
        "ln(C/Cₙ)", _SAME, "n",
    ),
    FeatureDefinition(
        "momentum", FeatureGroup.MOMENTUM, _n(10), "Change of the close over n bars",
        "C − Cₙ, price", "raw / C", "n", "TA-Lib MOM",
    ),
    FeatureDefinition(
        "roc", FeatureGroup.MOMENTUM, _n(10), "Rate of change over n bars",
        "100·(C/Cₙ − 1), percent", "C/Cₙ − 1", "n", "TA-Lib ROC",
    ),
    FeatureDefinition(
        "z_score", FeatureGroup.MOMENTUM, _n(20, 2), "Deviations between the close and its mean",
        "(C − sma(n)) / rolling_std(n); 0 where all closes are equal", _SAME, "n - 1",
    ),
    FeatureDefinition(
        "stochastic_k", FeatureGroup.MOMENTUM, _STOCHASTIC,
        "Where the close lies between the extremes of n bars, smoothed",
        "mean over smooth of 100·(C − min L)/(max H − min L); 0 where the extremes meet",
        "mean over smooth of (2C − min L − max H)/(max H − min L)", "n + smooth - 2", _LANE,
    ),
    FeatureDefinition(
        "stochastic_d", FeatureGroup.MOMENTUM, (*_STOCHASTIC, Parameter("signal", 3)),
        "Mean of stochastic K", "mean of stochastic_k over signal",
        "mean of stochastic_k over signal", "n + smooth + signal - 3", _LANE,
    ),
)  # fmt: skip

_VOLATILITY = (
    FeatureDefinition(
        "atr", FeatureGroup.VOLATILITY, _n(14), "Wilder's average of the true range",
        "A ← A + (true_range − A)/n, seeded with the mean of the first n, price", "raw / C", "n",
        f"{_WILDER}; TA-Lib ATR",
    ),
    FeatureDefinition(
        "true_range", FeatureGroup.VOLATILITY, (), "The bar's span, widened to the close before",
        "max(H, C₁) − min(L, C₁), price", "raw / C", "1", f"{_WILDER}; TA-Lib TRANGE",
    ),
    FeatureDefinition(
        "high_low_range", FeatureGroup.VOLATILITY, (), "The bar's span",
        "H − L, price", "raw / C", "0",
    ),
    FeatureDefinition(
        "rolling_std", FeatureGroup.VOLATILITY, _n(20, 2), "Population deviation of the close",
        "√(mean of C² − (mean of C)²) over n, in exact integers, price", "raw / C", "n - 1",
        "TA-Lib STDDEV",
    ),
    FeatureDefinition(
        "realised_volatility", FeatureGroup.VOLATILITY, _n(20), "Root mean square log return",
        "√(mean of ln(C/C₁)² over n), a bar", _SAME, "n", "Andersen and Bollerslev (1998)",
    ),
    FeatureDefinition(
        "parkinson", FeatureGroup.VOLATILITY, _n(20), "Volatility from the bars' extremes",
        "√(mean of ln(H/L)² over n / (4 ln 2)), a bar", _SAME, "n - 1", "Parkinson (1980)",
    ),
    FeatureDefinition(
        "garman_klass", FeatureGroup.VOLATILITY, _n(20), "Volatility from all four prices",
        "√(mean of ½ ln(H/L)² − (2 ln 2 − 1) ln(C/O)² over n), a bar; 0 where negative", _SAME,
        "n - 1", "Garman and Klass (1980)",
    ),
)  # fmt: skip

_VOLUME = (
    FeatureDefinition(
        "volume_sma", FeatureGroup.VOLUME, _n(20), "Mean volume",
        "mean of V over n, base units", "V / raw − 1; 0 without volume", "n - 1", "TA-Lib SMA",
    ),
    FeatureDefinition(
        "volume_change", FeatureGroup.VOLUME, (), "Volume against the bar before",
        "V − V₁, base units", "(V − V₁)/(V + V₁); 0 without volume", "1",
    ),
    FeatureDefinition(
        "volume_ratio", FeatureGroup.VOLUME, _n(20), "Volume against the mean of n bars before",
        "V / mean of V₁ … Vₙ; 0 without volume", "(V − mean)/(V + mean); 0 without volume", "n",
    ),
    FeatureDefinition(
        "money_flow", FeatureGroup.VOLUME, _n(14), "Share of turnover in bars that rose",
        "100·u/(u+d), u and d sums over n of (H+L+C)/3·V where (H+L+C)/3 rose or fell; 0 if none",
        "(u−d)/(u+d); 0 if none", "n", "Quong and Soudack (1989); TA-Lib MFI",
    ),
    FeatureDefinition(
        "vwap_distance", FeatureGroup.VOLUME, _n(20), "Close against the volume-weighted price",
        "C − vwap, vwap = Σ (H+L+C)/3·V / Σ V over n, price; 0 without volume", "C / vwap − 1",
        "n - 1",
    ),
)  # fmt: skip

_CALENDAR = (
    FeatureDefinition(
        "hour_sin", FeatureGroup.CALENDAR, (), "Time of the bar's open in the UTC day",
        "sin 2π·day share", _SAME, "0",
    ),
    FeatureDefinition(
        "hour_cos", FeatureGroup.CALENDAR, (), "Time of the bar's open in the UTC day",
        "cos 2π·day share", _SAME, "0",
    ),
    FeatureDefinition(
        "day_sin", FeatureGroup.CALENDAR, (), "Time of the bar's open in the UTC week",
        "sin 2π·week share, from Monday 00:00", _SAME, "0",
    ),
    FeatureDefinition(
        "day_cos", FeatureGroup.CALENDAR, (), "Time of the bar's open in the UTC week",
        "cos 2π·week share, from Monday 00:00", _SAME, "0",
    ),
)  # fmt: skip

_CROSS_ASSET = (
    FeatureDefinition(
        "relative_strength", FeatureGroup.CROSS_ASSET, _n(20), "Log return against the mean",
        "log_return(n) − its mean over the assets that have one at the instant", _SAME, "n",
        "Jegadeesh and Titman (1993)",
    ),
    FeatureDefinition(
        "cross_rank", FeatureGroup.CROSS_ASSET, _n(20), "Rank among the assets by log return",
        "(assets below − assets above)/(assets − 1) by log_return(n), in [−1, 1]; alone 0", _SAME,
        "n", "Jegadeesh and Titman (1993)",
    ),
    FeatureDefinition(
        "correlation_to_mean", FeatureGroup.CROSS_ASSET, _n(50, 2),
        "Correlation with the assets' mean return",
        "Pearson's, of log_return(1) and its mean over the assets, the last n pairs", _SAME, "n",
    ),
    FeatureDefinition(
        "beta_to_mean", FeatureGroup.CROSS_ASSET, _n(50, 2), "Slope on the assets' mean return",
        "covariance / variance of the mean, of the same pairs; 0 where it does not vary", _SAME,
        "n", "Sharpe (1964)",
    ),
)  # fmt: skip

DEFINITIONS: dict[str, FeatureDefinition] = {
    one.name: one
    for group in (_TREND, _MOMENTUM, _VOLATILITY, _VOLUME, _CALENDAR, _CROSS_ASSET)
    for one in group
}
"""All features by name, group by group."""
