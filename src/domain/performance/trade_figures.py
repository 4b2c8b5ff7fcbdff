"""Figures of trades and of activity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from . import statistics
from .figure import Figure
from .intervals import BootstrapPlan, Ends, intervals_of_sums, stationary_blocks
from .record import Record
from .return_figures import figure, plain

FloatArray = NDArray[np.float64]

_UNIT = 1e-8
NO_TRADE = "no trade was closed"
NO_FILL = "nothing was traded"
NO_PROFIT = "nothing was earned before costs"


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """Figures of closed trades and of what was traded; see docs/concepts/metrics.md."""

    hit_rate: Figure
    profit_factor: Figure
    expectancy: Figure
    mean_win: Figure
    mean_loss: Figure
    winning_streak: Figure
    losing_streak: Figure
    holding_days: Figure
    turnover: Figure
    exposure: Figure
    time_in_market: Figure
    maker_ratio: Figure
    fee_share: Figure
    slippage_share: Figure


def trade_figures(
    record: Record, plan: BootstrapPlan | None, uniforms: FloatArray | None, level: float
) -> TradeFigures:
    """Measure the trades; see :func:`.metrics.measure`."""
    return TradeFigures(**_trades(record, plan, uniforms, level), **_activity(record))


def _trades(
    record: Record, plan: BootstrapPlan | None, uniforms: FloatArray | None, level: float
) -> dict[str, Figure]:
    net = record.trades["net"].astype(np.float64) * _UNIT
    n = net.size
    ends = _intervals(net, plan, uniforms, level)
    wins, losses = net[net > 0], net[net < 0]
    best, worst = statistics.streaks(net)
    held = (record.trades["closed"] - record.trades["opened"]).astype(np.float64)
    no_loss = "no trade lost" if n else NO_TRADE
    return {
        "hit_rate": figure(statistics.hit_rate(net), n, NO_TRADE, _wilson(net, level)),
        "profit_factor": figure(
            statistics.profit_factor(net), n, no_loss, ends.get("profit_factor")
        ),
        "expectancy": figure(statistics.expectancy(net), n, NO_TRADE, ends.get("expectancy")),
        "mean_win": plain(statistics.expectancy(wins), wins.size, "no trade won"),
        "mean_loss": plain(statistics.expectancy(losses), losses.size, no_loss),
        "winning_streak": plain(float(best) if n else None, n, NO_TRADE),
        "losing_streak": plain(float(worst) if n else None, n, NO_TRADE),
        "holding_days": plain(float(held.mean()) / record.bars_per_day if n else None, n, NO_TRADE),
    }


def _activity(record: Record) -> dict[str, Figure]:
    fills = record.fills
    earned = _earned_before_costs(record)
    years = record.days / 365.0 if record.annualised else 1.0
    turnover = None
    if record.mean_equity > 0 and record.nav.size > 1:
        turnover = fills.notional / record.mean_equity / years
    exposure = record.exposure
    held = float((exposure > 0).mean()) if exposure.size else None
    maker = fills.maker_notional / fills.notional if fills.notional else None
    return {
        "turnover": plain(turnover, fills.count, "the record is too short"),
        "exposure": plain(
            float(exposure.mean()) if exposure.size else None, exposure.size, "nothing was marked"
        ),
        "time_in_market": plain(held, exposure.size, "nothing was marked"),
        "maker_ratio": plain(maker, fills.count, NO_FILL),
        "fee_share": plain(fills.fee / earned if earned > 0 else None, fills.count, NO_PROFIT),
        "slippage_share": plain(
            fills.slippage / earned if earned > 0 else None, fills.count, NO_PROFIT
        ),
    }


def _earned_before_costs(record: Record) -> int:
    """Return Σ gross + slippage of the closed trades, 1e-8: what costs are a share of."""
    if not len(record.trades):
        return 0
    return int(record.trades["gross"].sum()) + int(record.trades["slippage"].sum())


def _wilson(net: FloatArray, level: float) -> Ends | None:
    if not net.size:
        return None
    quantile = NormalDist().inv_cdf(0.5 + level / 2.0)
    return statistics.wilson_interval(int((net > 0).sum()), net.size, quantile)


def _intervals(
    net: FloatArray, plan: BootstrapPlan | None, uniforms: FloatArray | None, level: float
) -> dict[str, Ends]:
    if plan is None or uniforms is None:
        return {}
    blocks = stationary_blocks(plan, uniforms)
    columns = np.stack((net, np.maximum(net, 0.0), np.maximum(-net, 0.0)), axis=1)
    wanted: dict[str, Callable[[FloatArray], FloatArray]] = {
        "expectancy": lambda sums: sums[:, 0] / net.size,
        "profit_factor": lambda sums: sums[:, 1] / np.where(sums[:, 2] > 1e-9, sums[:, 2], 0.0),
    }
    return intervals_of_sums(columns, blocks, wanted, level)
