"""Every kernel against plain Python, its warm-up, and the rules that all share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.application.market import MarketPanel
from mettle.domain.errors import DataError
from mettle.domain.market import BarState
from mettle.domain.signals.catalogue import daily_feature_set, default_feature_set, feature
from mettle.domain.signals.definitions import DEFINITIONS
from mettle.domain.signals.features import FeatureForm, FeatureSet, FeatureSpec
from numpy.typing import NDArray
from tests.support.feature_oracle import column
from tests.support.feature_panels import flat_panel, panel_of, random_panel

NATIVE = NativeFeatures(threads=1)
EVERY = [feature(name, form=form) for name in DEFINITIONS for form in FeatureForm]
ALL_FEATURES = FeatureSet(tuple(EVERY))
OTHER = [
    feature(name, *parameters, form=form)
    for form in FeatureForm
    for name, parameters in (
        ("sma", (1,)), ("ema", (1,)), ("macd_signal", (3, 7, 4)), ("macd_histogram", (1, 2, 1)),
        ("bollinger_lower", (3, 5)), ("rsi", (1,)), ("rsi", (2,)), ("atr", (1,)), ("z_score", (2,)),
        ("stochastic_k", (1, 1)), ("stochastic_d", (5, 1, 4)), ("money_flow", (1,)),
        ("volume_ratio", (1,)), ("volume_sma", (1,)), ("vwap_distance", (1,)), ("roc", (7,)),
        ("realised_volatility", (1,)), ("parkinson", (5,)), ("relative_strength", (1,)),
        ("cross_rank", (3,)), ("correlation_to_mean", (2,)), ("beta_to_mean", (9,)),
    )
]  # fmt: skip


def scale(spec: FeatureSpec, expected: NDArray[np.float64], panel: MarketPanel) -> float:
    """Return the size that 1e-9 is relative to: the price for what is a difference of prices."""
    price = np.max(panel.close) * float(panel.instruments[0].tick_size)
    in_price = spec.form is FeatureForm.RAW and spec.name.startswith(
        ("macd", "roll", "vwap", "mom")
    )
    return max(price if in_price else 0.0, float(np.nanmax(np.abs(expected))), 1e-3)


@pytest.mark.parametrize("spec", [*EVERY, *OTHER], ids=str)
def test_kernel_equals_plain_python(spec: FeatureSpec) -> None:
    """A kernel agrees with loops over floats to 1e-9, gaps included, from its first valid row."""
    panel = random_panel(220, 3, seed=5, gaps=0.08)
    table = NATIVE.table(panel, FeatureSet((spec,)))
    expected = column(spec, panel)
    np.testing.assert_array_equal(table.valid, ~np.isnan(expected))
    found = table.values[:, :, 0][table.valid]
    limit = 1e-9 * scale(spec, expected, panel)
    np.testing.assert_allclose(found, expected[table.valid], rtol=1e-9, atol=limit)


@pytest.mark.parametrize("spec", [*EVERY, *OTHER], ids=str)
def test_warmup_is_exact(spec: FeatureSpec) -> None:
    """The stated warm-up is the number of bars before the first value, and the definition's."""
    panel = random_panel(120, 2, seed=1)
    first = int(np.flatnonzero(~np.isnan(column(spec, panel)[:, 0]))[0])
    known = DEFINITIONS[spec.name]
    names = dict(zip((one.name for one in known.parameters), spec.parameters, strict=True))
    assert NATIVE.warmup(FeatureSet((spec,))) == first
    assert eval(known.warmup, {"__builtins__": {}}, names) == first  # noqa: S307 - our own constants


def test_kernels_and_catalogue_agree() -> None:
    """The catalogue names the native kernels, all of them, with their number of parameters."""
    from mettle import _native  # noqa: PLC0415 - only this test looks behind the adapter

    stated = {name: len(one.parameters) for name, one in DEFINITIONS.items()}
    assert dict(_native.feature_kernels()) == stated
    assert set(NATIVE.known()) == set(stated)


@pytest.mark.parametrize("features", [ALL_FEATURES, daily_feature_set(), default_feature_set()])
def test_rows_before_warmup_are_zero_and_gaps_repeat(features: FeatureSet) -> None:
    """A row is 0 until the whole set is warm, a missing bar repeats the row before it."""
    panel = random_panel(300, 3, seed=2, gaps=0.1)
    table = NATIVE.table(panel, features)
    assert table.warmup == max(NATIVE.warmup(FeatureSet((one,))) for one in features.specs)
    assert np.isfinite(table.values).all()
    for asset in range(3):
        seen = 0
        last = np.zeros(len(features))
        for row in range(len(panel)):
            values = table.values[row, asset]
            missing = bool(panel.missing[row, asset])
            assert table.valid[row, asset] == (not missing and seen >= table.warmup)
            if missing:
                np.testing.assert_array_equal(values, last)
            elif seen < table.warmup:
                assert not values.any()
            seen += not missing
            last = values


def test_columns_do_not_depend_on_their_neighbours() -> None:
    """A feature has the same bits alone and among all others, once both are warm."""
    panel = random_panel(200, 2, seed=3, gaps=0.05)
    together = NATIVE.table(panel, ALL_FEATURES)
    for i, spec in enumerate(ALL_FEATURES.specs):
        alone = NATIVE.table(panel, FeatureSet((spec,)))
        np.testing.assert_array_equal(
            alone.values[together.valid][:, 0], together.values[together.valid][:, i]
        )


def test_a_still_market_gives_finite_numbers() -> None:
    """Where nothing moves and nobody trades every feature is finite, most are exactly 0."""
    panel = flat_panel(80, 2)
    table = NATIVE.table(panel, ALL_FEATURES)
    last = dict(zip(ALL_FEATURES.names, table.values[-1, 0], strict=True))
    assert np.isfinite(table.values).all()
    for name, value in last.items():
        if ":raw" not in name and not name.startswith(("hour", "day")):
            assert value == 0.0, name


def test_windows_do_not_drift() -> None:
    """After a shock leaves the window, rolling features have the bits of a series without it."""
    calm = random_panel(400, 1, seed=4, level=1e4)
    wild = {name: np.array(getattr(calm, name)) for name in ("open", "high", "low", "close")}
    for prices in wild.values():
        prices[:50] += 10**13
    stormy = panel_of(wild["open"], wild["high"], wild["low"], wild["close"], calm.volume)
    rolling = FeatureSet(
        tuple(
            feature(name, form=form)
            for form in FeatureForm
            for name in ("sma", "bollinger_upper", "rolling_std", "z_score", "vwap_distance",
                         "money_flow", "realised_volatility", "stochastic_d", "garman_klass")
        )
    )  # fmt: skip
    a, b = (NATIVE.table(one, rolling).values for one in (calm, stormy))
    np.testing.assert_array_equal(a[100:], b[100:])


def test_prices_of_a_million_million_ticks() -> None:
    """Deviations of one tick at 1e12 ticks are exact: nothing cancels."""
    base = 10**12
    close = base + np.array([[0], [1]] * 40, dtype=np.int64)
    panel = panel_of(close, close, close, close, np.ones_like(close))
    features = FeatureSet((feature("rolling_std", 20), feature("z_score", 20), feature("rsi", 14)))
    std, z, rsi = NATIVE.table(panel, features).values[-1, 0]
    assert std == pytest.approx(0.5 / (base + 1), rel=1e-12)
    assert z == pytest.approx(1.0, rel=1e-12)
    assert abs(rsi) < 0.1


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [("low", 200, 0), ("high", 3, 2**50), ("volume", 299, -1), ("close", 7, 0)],
)
def test_bars_beyond_the_range_are_refused(name: str, row: int, value: int) -> None:
    """A bar that breaks the rules is an error in the table and leaves a stream as it was."""
    panel = random_panel(300, 2, seed=6)
    bars: dict[str, Any] = {
        key: np.array(getattr(panel, key)) for key in ("open", "high", "low", "close", "volume")
    }
    bars[name][row, 1] = value
    engine = NATIVE.stream(panel, daily_feature_set())
    state = np.array(panel.state)
    before = engine.snapshot()
    with pytest.raises(DataError, match=f"1 ≤ low.*asset 1 has .*{name} {value}"):
        engine.update(**{key: column[row] for key, column in bars.items()}, state=state[row])
    assert engine.snapshot() == before
    if bars["low"].min() > 0 and value == 2**50:
        whole = {**bars, "open_": bars["open"]}
        del whole["open"]
        with pytest.raises(DataError, match="bar 3 of asset 1 has"):
            NATIVE.table(panel_of(**whole, state=state), daily_feature_set())
    state[row, 1] = BarState.MISSING
    row_of = {key: column[row] for key, column in bars.items()}
    assert engine.update(**row_of, state=state[row]).shape == (2, 13)


def test_wrong_arrays_are_refused() -> None:
    """A wrong dtype or shape is refused, never converted."""
    panel = random_panel(5, 2)
    stream = NATIVE.stream(panel, daily_feature_set())
    good = [getattr(panel, key)[0] for key in ("open", "high", "low", "close", "volume", "state")]
    for at, bad in (
        (0, good[0].astype(np.float64)),
        (5, good[5].astype(np.int64)),
        (3, good[3][:1]),
        (2, good[2].reshape(1, 2)),
        (1, list(good[1])),
        (4, None),
    ):
        wrong: list[Any] = [*good]
        wrong[at] = bad
        with pytest.raises(DataError, match=r"dtype|shape|is not an array"):
            stream.update(*wrong)


def test_tables_use_memory_that_was_given_up() -> None:
    """A large table may lie where another lay, if nobody holds that, and has nothing of it."""
    panels = [random_panel(40_000, 2, seed=seed, gaps=0.05) for seed in (1, 2)]
    features = daily_feature_set()
    wanted = [NATIVE.table(panel, features).values.copy() for panel in panels]
    assert wanted[0].nbytes > 2**22
    held = [NATIVE.table(panel, features).values for panel in panels]
    for _ in range(3):
        for panel, one in zip(panels, wanted, strict=True):
            np.testing.assert_array_equal(NATIVE.table(panel, features).values, one)
    del panels[0]
    for one, kept in zip(wanted, held, strict=True):
        np.testing.assert_array_equal(kept, one)
    view = held[0][1:, 0]
    del held
    NATIVE.table(panels[0], features)
    np.testing.assert_array_equal(view, wanted[0][1:, 0])


def test_a_bar_is_refused_and_the_next_table_is_whole() -> None:
    """What a refused run left in memory that is used again does not show."""
    panel = random_panel(40_000, 2, seed=3)
    bars: dict[str, Any] = {
        key: np.array(getattr(panel, key)) for key in ("open", "high", "low", "close", "volume")
    }
    bars["volume"][39_000, 1] = -1
    broken = panel_of(open_=bars.pop("open"), **bars, state=np.array(panel.state))
    wanted = NATIVE.table(panel, daily_feature_set()).values.copy()
    with pytest.raises(DataError, match="bar 39000 of asset 1"):
        NATIVE.table(broken, daily_feature_set())
    np.testing.assert_array_equal(NATIVE.table(panel, daily_feature_set()).values, wanted)
