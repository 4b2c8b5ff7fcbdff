"""What trading costs, as data: venue profiles, and stress over any of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...domain.errors import NotFound
from ...domain.market import FeeSchedule, FeeTier, Instrument
from ...domain.market.fees import RATE_SCALE
from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel

MAX_SLIPPAGE = RATE_SCALE // 2

STRESS = "stress"
"""Suffix (``coinbase+stress``) or a profile of its own (over the instrument's own fees)."""


@dataclass(frozen=True, slots=True)
class CostProfile:
    """Fees and slippage in millionths; None keeps what instrument and settings say.

    Attributes:
        fee_factor, slippage_factor: Multiply what then applies.
    """

    name: str
    maker: int | None = None
    taker: int | None = None
    slippage: int | None = None
    fee_factor: int = 1
    slippage_factor: int = 1

    def apply(
        self, panel: MarketPanel, settings: SimulationSettings
    ) -> tuple[MarketPanel, SimulationSettings]:
        """Return panel and settings under these costs."""
        if self == CostProfile(self.name):
            return panel, settings
        instruments = tuple(self._charge(one) for one in panel.instruments)
        slippage = settings.slippage if self.slippage is None else self.slippage
        slippage = min(slippage * self.slippage_factor, MAX_SLIPPAGE)
        return replace(panel, instruments=instruments), replace(settings, slippage=slippage)

    def stressed(self) -> CostProfile:
        """Return the profile at twice the fees and three times the slippage."""
        name = STRESS if self.name == OWN.name else f"{self.name}+{STRESS}"
        return replace(self, name=name, fee_factor=2, slippage_factor=3)

    def _charge(self, instrument: Instrument) -> Instrument:
        tiers = instrument.fees.tiers
        if self.maker is not None and self.taker is not None:
            tiers = FeeSchedule.flat(self.maker, self.taker).tiers
        factor, limit = self.fee_factor, RATE_SCALE - 1
        dearer = tuple(
            FeeTier(
                one.volume, min(one.maker_ppm * factor, limit), min(one.taker_ppm * factor, limit)
            )
            for one in tiers
        )
        return replace(instrument, fees=FeeSchedule(dearer))


OWN = CostProfile("own")
"""The instrument's own fees and the settings' slippage."""

COST_PROFILES: dict[str, CostProfile] = {
    one.name: one
    for one in (
        OWN,
        CostProfile("binance", maker=1_000, taker=1_000, slippage=500),
        CostProfile("coinbase", maker=6_000, taker=12_000, slippage=1_000),
        CostProfile("alpaca", maker=1_500, taker=2_500, slippage=1_000),
        CostProfile("zero", maker=0, taker=0, slippage=0),
    )
}


def cost_profile(name: str) -> CostProfile:
    """Return ``NAME`` or ``NAME+stress``; ``stress`` alone is over the own costs.

    Raises:
        NotFound: If there is no such profile.
    """
    if name == STRESS:
        return OWN.stressed()
    base, plus, suffix = name.partition("+")
    found = COST_PROFILES.get(base)
    if found is None or (plus and suffix != STRESS):
        known = ", ".join((*COST_PROFILES, STRESS))
        raise NotFound(
            f"no cost profile {name!r}", mend=f"use one of {known}, or one of them with +{STRESS}"
        )
    return found.stressed() if plus else found
