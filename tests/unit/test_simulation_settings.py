"""The settings of the step refuse what makes no sense."""

from __future__ import annotations

from typing import Any

import pytest
from mettle.domain.errors import ConfigError
from mettle.domain.simulation import ActionScheme, RewardKind, SimulationSettings
from mettle.domain.simulation.settings import RANGES


def test_the_defaults_are_a_cash_account() -> None:
    """Out of the box nothing is owed and nothing is short."""
    settings = SimulationSettings()
    assert not settings.on_margin
    assert not settings.allow_short


def test_plain_integers_go_round() -> None:
    """What is written is what is read, enumerations included."""
    settings = SimulationSettings(
        leverage=3, allow_short=True, scheme=ActionScheme.INCREMENT, reward=RewardKind.SORTINO
    )
    written = settings.to_dict()
    assert all(type(value) is int for value in written.values())
    again = SimulationSettings.from_dict(written)
    assert again == settings
    assert again.scheme is ActionScheme.INCREMENT
    assert again.allow_short is True


def test_an_unknown_name_is_refused() -> None:
    """A typing error does not become a default."""
    with pytest.raises(ConfigError, match="unknown simulation setting 'slipage'"):
        SimulationSettings.from_dict({"slipage": 5})


@pytest.mark.parametrize("name", sorted(RANGES))
def test_every_range_has_two_ends(name: str) -> None:
    """One under the least and one over the most are refused by name."""
    low, high = RANGES[name]
    for value in (low - 1, high + 1):
        wrong: dict[str, Any] = {name: value}
        with pytest.raises(ConfigError, match=rf"simulation\.{name} must lie in {low} … {high}"):
            SimulationSettings(**wrong)


def test_fractions_are_refused() -> None:
    """Half a ten-thousandth is no setting."""
    with pytest.raises(ConfigError, match=r"was 0\.5"):
        SimulationSettings(slippage=0.5)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"allow_short": True}, "needs a margin account"),
        ({"gross_limit": 20_000}, "exceeds leverage 1"),
        ({"leverage": 2, "soft_margin": 9_500}, "hard_margin 9000 lies under soft_margin 9500"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    wrong: dict[str, int], message: str
) -> None:
    """Shorts need margin, gross fits the leverage, the soft limit comes before the hard one."""
    with pytest.raises(ConfigError, match=message):
        SimulationSettings(**wrong)  # type: ignore[arg-type]  # given by name


@pytest.mark.parametrize(
    "wrong", [{"scheme": 9}, {"reward": "log"}, {"execution": None}, {"slippage": 1.5}]
)
def test_what_is_no_setting_is_refused(wrong: dict[str, int]) -> None:
    """Unknown kinds and fractions read from a file end in a message, not in a guess."""
    with pytest.raises(ConfigError, match="simulation"):
        SimulationSettings.from_dict(wrong)


def test_a_bare_number_is_no_kind() -> None:
    """The engines compare by identity, so a kind has to be one."""
    with pytest.raises(ConfigError, match=r"simulation\.scheme must be a ActionScheme, was 1"):
        SimulationSettings(scheme=1)  # type: ignore[arg-type]  # the point of the test
