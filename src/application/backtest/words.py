"""Names and units of the figures, the same on every face."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...domain.performance import Figure, Metrics


class Unit(Enum):
    """How a figure is written."""

    SHARE = "share"
    RATIO = "ratio"
    DAYS = "days"
    MONEY = "money"
    COUNT = "count"
    CHANCE = "chance"
    PER_BAR = "per bar"


@dataclass(frozen=True, slots=True)
class Wording:
    """How one figure is called, written and explained."""

    label: str
    unit: Unit
    meaning: str


WORDS: dict[str, Wording] = {
    "total_return": Wording("Total return", Unit.SHARE, "growth over the period, after costs"),
    "annual_return": Wording("Annual return", Unit.SHARE, "compound growth in 365 days"),
    "excess_return": Wording("Excess return", Unit.SHARE, "total return less buy and hold's"),
    "volatility": Wording("Volatility", Unit.SHARE, "standard deviation of the returns"),
    "sharpe": Wording("Sharpe", Unit.RATIO, "mean return ÷ standard deviation"),
    "sortino": Wording("Sortino", Unit.RATIO, "mean return ÷ downside deviation, all bars"),
    "calmar": Wording("Calmar", Unit.RATIO, "annual return ÷ maximum drawdown"),
    "max_drawdown": Wording("Max drawdown", Unit.SHARE, "deepest loss from a peak"),
    "drawdown_days": Wording("Longest drawdown", Unit.DAYS, "peak to recovery, or to the end"),
    "recovery_days": Wording("Recovery", Unit.DAYS, "deepest trough to recovery"),
    "probabilistic_sharpe": Wording(
        "Probabilistic Sharpe", Unit.CHANCE, "probability that the true Sharpe is above 0"
    ),
    "track_record_days": Wording(
        "Track record needed", Unit.DAYS, "to show a Sharpe above 0 with 95 % confidence"
    ),
    "up_capture": Wording("Up capture", Unit.SHARE, "share of buy and hold's rising bars"),
    "down_capture": Wording("Down capture", Unit.SHARE, "share of buy and hold's falling bars"),
    "capture_ratio": Wording("Capture ratio", Unit.RATIO, "up capture ÷ down capture"),
    "sharpe_per_bar": Wording("Sharpe per bar", Unit.PER_BAR, "not annualised"),
    "skewness": Wording("Skewness", Unit.RATIO, "0 for a normal; negative: crashes"),
    "kurtosis": Wording("Kurtosis", Unit.RATIO, "3 for a normal; more: fat tails"),
    "hit_rate": Wording("Hit rate", Unit.SHARE, "share of trades with a profit"),
    "profit_factor": Wording("Profit factor", Unit.RATIO, "gains ÷ losses of the trades"),
    "expectancy": Wording("Expectancy", Unit.MONEY, "mean profit of a trade"),
    "mean_win": Wording("Mean win", Unit.MONEY, "of the trades that won"),
    "mean_loss": Wording("Mean loss", Unit.MONEY, "of the trades that lost"),
    "winning_streak": Wording("Winning streak", Unit.COUNT, "most wins in a row"),
    "losing_streak": Wording("Losing streak", Unit.COUNT, "most losses in a row"),
    "holding_days": Wording("Holding time", Unit.DAYS, "mean from opening to reduction"),
    "turnover": Wording("Turnover", Unit.RATIO, "traded value ÷ mean equity, a year"),
    "exposure": Wording("Exposure", Unit.SHARE, "mean position value ÷ equity"),
    "time_in_market": Wording("Time in market", Unit.SHARE, "share of bars with a position"),
    "maker_ratio": Wording("Maker ratio", Unit.SHARE, "of the traded value, filled resting"),
    "fee_share": Wording("Fee share", Unit.SHARE, "fees ÷ trade profit before costs"),
    "slippage_share": Wording("Slippage share", Unit.SHARE, "slippage ÷ profit before costs"),
}

HEADLINES = (
    "total_return",
    "annual_return",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "hit_rate",
    "profit_factor",
)
"""What a reader sees first."""

MINUS, DASH = "−", "–"


def write(value: float | None, unit: Unit, quote: str = "") -> str:
    """Return a value in words: ``12.3 %``, ``1.24``, ``−15.20 USDT``; a dash for None."""
    if value is None:
        return DASH
    match unit:
        case Unit.SHARE:
            digits = 1 if abs(value) < 10 else 0
            text = f"{value * 100:,.{digits}f} %"
        case Unit.CHANCE:
            text = f"{value * 100:.1f} %"
        case Unit.DAYS:
            text = _days(value)
        case Unit.MONEY:
            text = f"{value:,.2f} {quote}".rstrip()
        case Unit.COUNT:
            text = f"{value:,.0f}"
        case Unit.PER_BAR:
            text = f"{value:.4f}"
        case Unit.RATIO:
            text = f"{value:,.2f}" if abs(value) < 1e5 else f"{value:.2e}"
    negative_nothing = text.startswith("-") and not any(one in text for one in "123456789")
    return text[1:] if negative_nothing else text.replace("-", MINUS, 1)


def interval(figure: Figure, unit: Unit, quote: str = "") -> str:
    """Return ``[low, high]``, with ∞ where an end is unbounded; empty where there is none."""
    if figure.low is None and figure.high is None:
        return ""
    low = f"{MINUS}∞" if figure.low is None else write(figure.low, unit, quote)
    high = "∞" if figure.high is None else write(figure.high, unit, quote)
    return f"[{low}, {high}]"


def unit_of(name: str, metrics: Metrics) -> str:
    """Return what qualifies the figure ``name``, such as ``per bar``; empty if nothing does."""
    if metrics.annualised:
        return ""
    if name in {"sharpe", "sortino", "volatility"}:
        return "per bar"
    return "in the period" if name == "turnover" else ""


def _days(value: float) -> str:
    if value >= 2.0:
        return f"{value:,.1f} d" if value < 100 else f"{value:,.0f} d"
    hours = value * 24.0
    return f"{hours:.1f} h" if hours >= 1.0 else f"{hours * 60:.0f} min"
