"""Looking features up: checked specifications, and the named sets."""

from __future__ import annotations

import difflib
import re

from ..errors import InvalidValue
from .definitions import DEFINITIONS, FeatureDefinition
from .features import FeatureForm, FeatureSet, FeatureSpec

_TEXT = re.compile(r"\s*([a-z_]+)\s*(?:\(([^()]*)\))?\s*(?::\s*([a-z]+))?\s*")


def definition(name: str) -> FeatureDefinition:
    """Return what ``name`` stands for.

    Raises:
        InvalidValue: If nothing has that name; the mend offers the nearest ones.
    """
    found = DEFINITIONS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, DEFINITIONS, n=3, cutoff=0.5)
        mend = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(DEFINITIONS)}"
        raise InvalidValue(f"no feature is called {name!r}", mend=mend)
    return found


def feature(name: str, *parameters: int, form: FeatureForm = FeatureForm.STATIONARY) -> FeatureSpec:
    """Return a checked specification; without parameters those of the definition's defaults.

    Raises:
        InvalidValue: If the name is unknown or a parameter out of its bounds.
    """
    known = definition(name)
    spec = FeatureSpec(name, parameters or tuple(one.default for one in known.parameters), form)
    check_feature(spec)
    return spec


def parse_feature(text: str) -> FeatureSpec:
    """Return the specification that is written ``rsi``, ``rsi(14)`` or ``macd(12,26,9):raw``.

    Raises:
        InvalidValue: If the text is not of that shape, or :func:`feature` refuses it.
    """
    match = _TEXT.fullmatch(text)
    forms = {form.value: form for form in FeatureForm}
    if match is None or (match[3] or "raw") not in forms:
        raise InvalidValue(
            f"{text!r} is not a feature",
            mend="write it as rsi(14), or rsi(14):raw for the raw form",
        )
    inside = (match[2] or "").replace(" ", "")
    try:
        parameters = tuple(int(one) for one in inside.split(",")) if inside else ()
    except ValueError:
        raise InvalidValue(
            f"{text!r}: parameters must be whole numbers, were {inside!r}", mend="as in rsi(14)"
        ) from None
    return feature(match[1], *parameters, form=forms[match[3] or FeatureForm.STATIONARY.value])


def check_feature(spec: FeatureSpec) -> None:
    """Refuse a specification whose name or parameters break its definition.

    Raises:
        InvalidValue: Naming the parameter and its bounds.
    """
    known = definition(spec.name)
    names = ", ".join(one.name for one in known.parameters) or "none"
    if len(spec.parameters) != len(known.parameters):
        example = FeatureSpec(spec.name, tuple(one.default for one in known.parameters))
        raise InvalidValue(
            f"{spec.name} takes {len(known.parameters)} parameters ({names}), "
            f"had {len(spec.parameters)}",
            mend=f"for example {example}",
        )
    for parameter, value in zip(known.parameters, spec.parameters, strict=True):
        if type(value) is not int or not parameter.low <= value <= parameter.high:
            raise InvalidValue(
                f"{spec.name}: {parameter.name} must be a whole number from {parameter.low} to "
                f"{parameter.high}, was {value!r}"
            )
    if names.startswith("fast, slow") and spec.parameters[0] >= spec.parameters[1]:
        raise InvalidValue(
            f"{spec.name}: fast must be below slow, were {spec.parameters[0]} and "
            f"{spec.parameters[1]}"
        )


def check_features(feature_set: FeatureSet) -> None:
    """Refuse a set that holds a specification :func:`check_feature` refuses."""
    for spec in feature_set.specs:
        check_feature(spec)


def daily_feature_set(form: FeatureForm = FeatureForm.RAW) -> FeatureSet:
    """Return the thirteen features of the daily trader, in its order."""
    names = (
        "rsi", "macd", "macd_signal", "macd_histogram", "bollinger_upper", "bollinger_middle",
        "bollinger_lower", "atr", "volume_sma", "price_change", "close_open", "high_low_range",
        "rolling_std",
    )  # fmt: skip
    return FeatureSet(tuple(feature(name, form=form) for name in names))


def default_feature_set() -> FeatureSet:
    """Return the fourteen stationary features that learning uses unless told otherwise."""
    thirteen = daily_feature_set(FeatureForm.STATIONARY).specs
    return FeatureSet((*thirteen, feature("realised_volatility", 20)))
