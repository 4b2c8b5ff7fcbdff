"""The catalogue as a page: ``python -m mettle.domain.signals.reference``."""

from __future__ import annotations

import sys

from .catalogue import daily_feature_set, default_feature_set
from .definitions import DEFINITIONS, FeatureDefinition, FeatureGroup
from .features import FeatureSet

_HEAD = """\
# Features

Written by `python -m mettle.domain.signals.reference`; a test keeps it true.

A feature is written `name(parameters)`, or `name(parameters):raw` for its raw form; without
parameters it takes the defaults below. The stationary form is free of the price's and the
quantity's unit and is what learning uses unless told otherwise. Windows are whole numbers of the
asset's own bars, up to {longest} long.

**Numbers.** Kernels read whole ticks and lots. Window sums, sums of squares and turnovers are exact
integers: they neither drift nor depend on where the series began. Windows of logarithms are summed
anew at each bar. What has the price's unit is multiplied by `float(tick_size)` once, at the end,
what has the volume's by `float(lot_size)`; stationary forms need neither. Logarithm, sine and
cosine are our own, made of IEEE basic operations, so that every machine gives the same bits. A
table and a stream that begin at the same bar are equal bit for bit. Prices may be up to 2⁵⁰ − 1
ticks, volumes up to 2⁶² lots.

**Warm-up and gaps.** A row is 0 and invalid until every feature of the set has its bars; a set's
warm-up is the longest of its features'. A missing bar advances nothing: the row repeats the asset's
last one and is invalid. An empty bar (nobody traded) counts as a bar. Cross-asset features use the
assets that have a bar, and enough bars before it, at that instant; with one asset alone relative
strength and rank are 0.

**Notation.** C, O, H, L, V: the bar's close, open, high, low, volume; Cₙ the close n bars ago. A
mean, sum, minimum or maximum over n ends with the bar itself.
"""


def reference_page() -> str:
    """Return docs/reference/features.md."""
    longest = DEFINITIONS["sma"].parameters[0].high
    parts = [_HEAD.format(longest=longest)]
    parts += [_group(group) for group in FeatureGroup]
    parts.append(
        _named("default", "what learning uses", default_feature_set())
        + _named("daily", "the thirteen of the daily trader", daily_feature_set())
    )
    return "\n".join(parts)


def _group(group: FeatureGroup) -> str:
    rows = [_row(one) for one in DEFINITIONS.values() if one.group is group]
    head = "| feature | meaning | raw | stationary | warm-up | source |\n|---|---|---|---|---|---|"
    return "\n".join([f"## {group.value.capitalize()}\n", head, *rows, ""])


def _row(one: FeatureDefinition) -> str:
    parameters = ", ".join(f"{p.name} = {p.default}" for p in one.parameters)
    cells = (
        f"`{one.name}`" + (f" ({parameters})" if parameters else ""),
        one.meaning,
        one.raw,
        one.stationary,
        one.warmup.replace("-", "−"),
        one.source,
    )
    return f"| {' | '.join(cells)} |"


def _named(name: str, what: str, feature_set: FeatureSet) -> str:
    columns = ", ".join(f"`{one}`" for one in feature_set.names)
    return f"## The set `{name}`\n\n{what.capitalize()}: {columns}.\n\n"


if __name__ == "__main__":
    sys.stdout.write(reference_page())
