"""The risk engine: the one place that makes approvals.

A reduction is never refused but by the mode, and never for more than is held. An opening is held
against mode, breakers and every limit in the worst case: what is held, what orders may still fill,
UNKNOWN ones in full, what strangers hold, and the opening itself. It may be cut down to what fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from ..money import plain
from ..orders import Opening, OrderIntent, Reduction, intent_id
from .breakers import Breakers
from .exposure import AssetExposure, Exposure
from .margin import margin_usage
from .mode import Mode, permits
from .profile import RiskProfile
from .rules import percent
from .sizing import half_size, largest, lots_at_risk, risk_distance, within
from .verdict import SEAL, Approved, Refused, Verdict


@dataclass(frozen=True, slots=True)
class _Limit:
    """One limit of an opening of n lots.

    Attributes:
        name: As in the profile.
        fits: Whether n lots keep it.
        text: What n lots would make, and the limit.
    """

    name: str
    fits: Callable[[int], bool]
    text: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class _Cut:
    """What a limit took from an opening, in lots."""

    rule: str
    before: int
    after: int
    reason: str

    def __str__(self) -> str:
        return f"{self.before} → {self.after} lots: {self.reason}"


class RiskEngine:
    """Judges intents by one profile. Holds no state, so it may be shared.

    Args:
        profile: Whose limits hold; see :class:`~mettle.domain.risk.RiskProfile`.
    """

    def __init__(self, profile: RiskProfile) -> None:
        self.profile = profile

    def judge(
        self,
        intent: OrderIntent,
        exposure: Exposure,
        breakers: Breakers,
        mode: Mode,
        now_ms: int,
        *,
        stop_distance: int | None = None,
    ) -> Verdict:
        """Return whether an intent may be sent now, and how much of it.

        Call it again before each further leg of an intent; a smaller answer replaces the earlier.

        Args:
            mode: The effective mode of the intent's symbol.
            stop_distance: How far from the price the strategy's stop lies, ticks; the profile's
                own stop counts where it is nearer, and without any the whole value is at risk.
        """
        if isinstance(intent, Reduction):
            return _judge_reduction(intent, exposure, mode, now_ms)
        refused = self._shut(intent, exposure, breakers, mode, now_ms)
        if refused is None:
            return self._size(intent, exposure, breakers, now_ms, stop_distance)
        return _with_exit(refused, intent, exposure, mode, now_ms)

    def _shut(
        self, intent: Opening, exposure: Exposure, breakers: Breakers, mode: Mode, now: int
    ) -> Refused | None:
        """Return why nothing at all may be opened, or None."""
        if not permits(mode, intent):
            return _mode_refusal(intent, mode)
        if (state := breakers.blocking(intent.symbol)) is not None:
            mend = (
                f"an operator releases it with `mettle risk reset {state.rule_name}`"
                if state.critical and not state.acknowledged
                else f"it recovers at {state.until} after a clean reconciliation"
            )
            return Refused(
                intent, state.rule_name, f"breaker {state.name} is open ({state.cause}): {mend}"
            )
        identity = intent_id(intent)
        for state in breakers.trials():
            if state.openings and identity not in dict(state.openings):
                return Refused(
                    intent,
                    state.rule_name,
                    f"breaker {state.name} is on trial and its one opening is out: "
                    "a winning trade closes it",
                )
        limit, today = self.profile.trades_per_day, breakers.openings_today(now)
        if limit is not None and identity not in today and len(today) >= limit:
            return Refused(
                intent,
                "trades_per_day",
                f"{len(today)} openings today, limit {limit}: the count begins anew at 00:00 UTC",
            )
        return self._unfit(intent, exposure)

    def _unfit(self, intent: Opening, exposure: Exposure) -> Refused | None:
        asset = exposure.assets.get(intent.symbol)
        if asset is None or asset.mark <= 0:
            return Refused(
                intent, "mark", f"{intent.symbol} has no price: wait for its next bar or quote"
            )
        if exposure.equity <= 0:
            return Refused(
                intent, "equity", f"equity is {_money(exposure.equity)}: nothing can be opened"
            )
        soft, usage = self.profile.margin_soft, margin_usage(exposure)
        if soft is not None and usage >= soft:
            return Refused(
                intent,
                "margin.soft",
                f"margin usage is {percent(usage)}, soft limit {percent(soft)}: reduce positions",
            )
        return None

    def _size(
        self,
        intent: Opening,
        exposure: Exposure,
        breakers: Breakers,
        now: int,
        stop_distance: int | None,
    ) -> Verdict:
        asset = exposure.assets[intent.symbol]
        # What the intent meant to close may have gone since; only what is held can be closed.
        closes = min(intent.closes, max(0, -intent.side.sign * asset.lots))
        lots, cuts = intent.lots, list[_Cut]()
        for limit in self._limits(intent, asset, exposure, stop_distance):
            room = largest(lots, limit.fits) or 0
            if room < lots:
                reason = f"{limit.text(lots)}; ask for less or reduce positions"
                cuts.append(_Cut(limit.name, lots, room, reason))
                lots = room
            if lots <= closes:
                break
        for cut in _trial_cuts(intent, lots, closes, breakers):
            cuts.append(cut)
            lots = cut.after
        value = asset.value(lots)
        if cuts and lots > closes and value < asset.min_notional:
            least = f"{_money(value)} is under the least order of {_money(asset.min_notional)}"
            cuts.append(_Cut(cuts[-1].rule, lots, 0, f"{cuts[-1].reason}, and {least}"))
            lots = 0
        if cuts and lots <= closes:
            refused = Refused(intent, cuts[-1].rule, cuts[-1].reason)
            return _with_exit(refused, intent, exposure, Mode.ACTIVE, now)
        kept = intent if lots == intent.lots else replace(intent, lots=lots, closes=closes)
        return Approved(kept, _added(asset, kept), now, note="; ".join(map(str, cuts)), seal=SEAL)

    def _limits(
        self, intent: Opening, asset: AssetExposure, exposure: Exposure, stop_distance: int | None
    ) -> Iterator[_Limit]:
        """Yield the limits that the profile sets, the narrowest concern first."""
        profile, equity, sign = self.profile, exposure.equity, intent.side.sign

        def position(lots: int) -> int:
            return asset.value(asset.worst(sign * lots))

        def base(lots: int) -> int:
            others = _others(exposure, asset, asset.symbol.base)
            return others + position(lots)

        def gross(lots: int) -> int:
            return _others(exposure, asset) + position(lots)

        values = (
            ("position", profile.position, position),
            ("asset", profile.asset, base),
            ("exposure", profile.exposure, gross),
            ("leverage", profile.leverage, gross),
        )
        for name, share, value in values:
            if share is not None:
                yield _share_limit(name, share, value, equity)
        if (risk := profile.risk_per_trade) is not None:
            distance = risk_distance(asset.mark, profile.stop_loss, stop_distance)
            room = lots_at_risk(equity, risk, distance, asset.unit_value)
            yield _Limit(
                "risk_per_trade",
                lambda lots: asset.worst(sign * lots) <= room,
                lambda _: (
                    f"risk_per_trade: a stop {distance} ticks away leaves room for {room} lots "
                    f"at a risk of {percent(risk)} of equity {_money(equity)}"
                ),
            )


def _trial_cuts(intent: Opening, lots: int, closes: int, breakers: Breakers) -> Iterator[_Cut]:
    """Yield the half size of a first opening on trial, or the size that one was approved with."""
    for state in breakers.trials():
        allowed = dict(state.openings).get(intent_id(intent))
        half = half_size(max(lots, closes), closes) if allowed is None else allowed
        if half < lots:
            reason = f"breaker {state.name} is on trial and allows half the size"
            yield _Cut(state.rule_name, lots, half, f"{reason}: a winning trade closes it")
        if allowed is None or half < lots:
            return  # several on trial halve once


def _share_limit(name: str, share: int, value: Callable[[int], int], equity: int) -> _Limit:
    def text(lots: int) -> str:
        worst = percent(-(-value(lots) * 1_000_000 // equity))
        return f"{name} would be {worst} of equity {_money(equity)}, limit {percent(share)}"

    return _Limit(name, lambda lots: within(value(lots), share, equity), text)


def _others(exposure: Exposure, asset: AssetExposure, base: str | None = None) -> int:
    return sum(
        one.value(one.worst())
        for one in exposure.assets.values()
        if one.symbol != asset.symbol and (base is None or one.symbol.base == base)
    )


def _added(asset: AssetExposure, intent: Opening) -> int:
    worst = asset.value(asset.worst(intent.side.sign * intent.lots))
    return worst - asset.value(asset.worst())


def _judge_reduction(intent: Reduction, exposure: Exposure, mode: Mode, now: int) -> Verdict:
    if not permits(mode, intent):
        return _mode_refusal(intent, mode)
    asset = exposure.assets.get(intent.symbol)
    held = 0 if asset is None else asset.lots
    most = max(0, -intent.side.sign * held)
    if not most:
        return Refused(
            intent,
            "held",
            f"a {intent.side.value} cannot reduce a position of {held} lots: nothing to do",
        )
    if most >= intent.lots:
        return Approved(intent, 0, now, seal=SEAL)
    note = f"{intent.lots} → {most} lots: more is not held"
    return Approved(replace(intent, lots=most), 0, now, note=note, seal=SEAL)


def _with_exit(
    refused: Refused, intent: Opening, exposure: Exposure, mode: Mode, now: int
) -> Refused:
    """Return the refusal with the closing part that still goes through."""
    exit_ = intent.reduction()
    if exit_ is None:
        return refused
    verdict = _judge_reduction(exit_, exposure, mode, now)
    return replace(refused, instead=verdict) if isinstance(verdict, Approved) else refused


def _mode_refusal(intent: OrderIntent, mode: Mode) -> Refused:
    mends = {
        Mode.REDUCING: "it ends when its cause does, see `mettle risk show`",
        Mode.PAUSED: "resume, or reduce by hand",
        Mode.KILLED: "only an operator's re-arm ends it",
    }
    kind = "an opening" if isinstance(intent, Opening) else f"a {intent.purpose.value} reduction"
    return Refused(intent, "mode", f"{kind} is not sent while {mode.name}: {mends[mode]}")


def _money(units: int) -> str:
    return plain(Decimal(units).scaleb(-8))
