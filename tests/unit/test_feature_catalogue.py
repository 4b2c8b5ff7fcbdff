"""Looking features up, the named sets, and the page that lists them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.domain.errors import InvalidValue
from mettle.domain.signals.catalogue import (
    check_features,
    daily_feature_set,
    default_feature_set,
    feature,
    parse_feature,
)
from mettle.domain.signals.definitions import DEFINITIONS
from mettle.domain.signals.features import FeatureForm, FeatureSet, FeatureSpec
from mettle.domain.signals.reference import reference_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "features.md"


def test_defaults_are_filled_in() -> None:
    """A name alone stands for the definition's parameters, stationary."""
    assert feature("macd") == FeatureSpec("macd", (12, 26, 9), FeatureForm.STATIONARY)
    assert feature("rsi", 7, form=FeatureForm.RAW) == FeatureSpec("rsi", (7,), FeatureForm.RAW)


@pytest.mark.parametrize("spec", [feature(n, form=f) for n in DEFINITIONS for f in FeatureForm])
def test_text_round_trip(spec: FeatureSpec) -> None:
    """What a specification prints is read back as itself."""
    assert parse_feature(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rssi", "did you mean rsi"),
        ("bollinger_uper(20,2)", "did you mean bollinger_upper"),
        ("zzz", "known: sma"),
        ("rsi(1,2)", "takes 1 parameters (n), had 2 → for example rsi(14)"),
        ("close_open(3)", "takes 0 parameters (none), had 1"),
        ("rsi(0)", "n must be a whole number from 1 to 5000, was 0"),
        ("sma(5001)", "from 1 to 5000, was 5001"),
        ("z_score(1)", "from 2 to 5000, was 1"),
        ("macd(26,12,9)", "fast must be below slow, were 26 and 12"),
        ("rsi(fourteen)", "must be whole numbers, were 'fourteen'"),
        ("rsi(14):log", "is not a feature → write it as rsi(14)"),
        ("rsi 14", "is not a feature"),
        ("", "is not a feature"),
    ],
)
def test_mistakes_name_their_mend(text: str, says: str) -> None:
    """A wrong feature is refused with the value, the rule and the mend."""
    with pytest.raises(InvalidValue) as caught:
        parse_feature(text)
    assert says in str(caught.value)


def test_builder_refuses_what_the_catalogue_refuses() -> None:
    """A set that was not built by the catalogue is checked all the same."""
    for bad in (FeatureSpec("rssi", (14,)), FeatureSpec("rsi"), FeatureSpec("rsi", (0,))):
        with pytest.raises(InvalidValue):
            NativeFeatures().warmup(FeatureSet((bad,)))


def test_named_sets() -> None:
    """The daily set is the thirteen, raw; the learning set is fourteen, stationary."""
    daily, learning = daily_feature_set(), default_feature_set()
    assert len(daily) == 13
    assert {one.form for one in daily.specs} == {FeatureForm.RAW}
    assert len(learning) == 14
    assert {one.form for one in learning.specs} == {FeatureForm.STATIONARY}
    assert [one.name for one in learning.specs][:13] == [one.name for one in daily.specs]
    check_features(daily)
    check_features(learning)


def test_hashes_are_stable() -> None:
    """Models name these sets by hash: a change of order, parameters or form is another set."""
    assert daily_feature_set().hash == (
        "79b1848efb9e8b34f2eb2772977921a4f91f43cb362c651e5e3976617b3f9793"
    )
    assert default_feature_set().hash == (
        "46fd7b0d64b6ea5071c0fef8b02fecf36958606ac0b34835c2f20dd32e3d37a7"
    )
    turned = FeatureSet(tuple(reversed(daily_feature_set().specs)))
    assert turned.hash != daily_feature_set().hash
    assert FeatureSet.from_list(daily_feature_set().to_list()) == daily_feature_set()


def test_every_definition_is_whole() -> None:
    """Each definition says what it means in both forms, with parameters inside their bounds."""
    for name, one in DEFINITIONS.items():
        assert name == one.name
        assert all((one.meaning, one.raw, one.stationary, one.warmup, one.source))
        assert all(p.low <= p.default <= p.high for p in one.parameters)


def test_the_page_is_the_catalogue() -> None:
    """docs/reference/features.md is what the catalogue prints."""
    mend = "python -m mettle.domain.signals.reference > docs/reference/features.md"
    assert PAGE.read_text(encoding="utf-8") == reference_page(), f"write it anew: {mend}"
