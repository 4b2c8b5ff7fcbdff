"""A feature set is an ordered, hashed list of definitions."""

from __future__ import annotations

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.signals.features import FeatureForm, FeatureSet, FeatureSpec

RSI = FeatureSpec("rsi", (14,))
MACD = FeatureSpec("macd", (12, 26, 9), FeatureForm.RAW)


def test_features_are_named_by_all_that_defines_them() -> None:
    """Parameters and form are part of the column's name."""
    assert FeatureSet((RSI, MACD)).names == ("rsi(14)", "macd(12,26,9):raw")
    assert len(FeatureSet((RSI, MACD))) == 2


def test_order_is_part_of_the_identity() -> None:
    """The same columns in another order are another set."""
    one, other = FeatureSet((RSI, MACD)), FeatureSet((MACD, RSI))
    assert one.hash == FeatureSet((RSI, MACD)).hash
    assert one.hash != other.hash
    assert len(one.hash) == 64


def test_plain_lists_go_round() -> None:
    """What a model file holds is the set that it was made with."""
    one = FeatureSet((RSI, MACD))
    assert FeatureSet.from_list(one.to_list()) == one


@pytest.mark.parametrize(
    "row",
    [
        ["rsi", [14]],
        ["rsi", [14], "wavy"],
        ["rsi", 14, "raw"],
        [7, [14], "raw"],
        ["", [], "raw"],
        ["rsi", [1.5], "raw"],
        ["rsi", [True], "raw"],
    ],
)
def test_damaged_definitions_are_refused(row: list[object]) -> None:
    """A file that holds something else is not guessed at."""
    with pytest.raises(InvalidValue, match=r"not a feature|needs a name|whole numbers"):
        FeatureSet.from_list([row])


def test_a_set_is_not_empty_and_holds_nothing_twice() -> None:
    """Both would make the columns ambiguous."""
    with pytest.raises(InvalidValue, match="at least one feature"):
        FeatureSet(())
    with pytest.raises(InvalidValue, match="must not hold a feature twice"):
        FeatureSet((RSI, RSI))
