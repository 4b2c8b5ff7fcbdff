"""Registration with Gymnasium, which has no plugins since 1.0: importing this module registers.

``import mettle`` imports it where Gymnasium is loaded already; otherwise name it in the id:
``gymnasium.make_vec("mettle.adapters.simulation.registration:mettle/Market-v0")``.
"""

from __future__ import annotations

from gymnasium.envs.registration import register as register_with_gymnasium
from gymnasium.envs.registration import registry

MARKET_ID = "mettle/Market-v0"


def register() -> None:
    """Make ``mettle/Market-v0`` known to ``gymnasium.make`` and ``gymnasium.make_vec``."""
    if MARKET_ID not in registry:
        register_with_gymnasium(
            MARKET_ID,
            entry_point="mettle.adapters.simulation.single_env:MarketEnv",
            vector_entry_point="mettle.adapters.simulation.vector_env:MarketVectorEnv",
        )


register()
