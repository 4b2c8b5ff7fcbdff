"""Bar by bar, block by block or all at once: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.adapters.features.native import NativeFeatures
from mettle.application.market import MarketPanel
from mettle.domain.errors import DataError
from mettle.domain.signals.catalogue import daily_feature_set, default_feature_set, feature
from mettle.domain.signals.definitions import DEFINITIONS
from mettle.domain.signals.features import FeatureForm, FeatureSet
from tests.support.feature_panels import panel_of, random_panel

NATIVE = NativeFeatures(threads=1)
EVERYTHING = FeatureSet(tuple(feature(n, form=f) for n in DEFINITIONS for f in FeatureForm))
SETS = st.sampled_from([EVERYTHING, daily_feature_set(), default_feature_set()]) | st.builds(
    lambda specs: FeatureSet(tuple(specs)),
    st.lists(st.sampled_from(EVERYTHING.specs), min_size=1, max_size=6, unique=True),
)
FIELDS = ("open", "high", "low", "close", "volume", "state")


@st.composite
def panels(draw: st.DrawFn) -> MarketPanel:
    """Draw bars of any shape: spans, gaps, jumps and prices up to the kernels' limit."""
    bars = draw(st.integers(1, 300))
    assets = draw(st.integers(1, 4))
    gaps = draw(st.sampled_from([0.0, 0.05, 0.6]))
    seed = draw(st.integers(0, 2**32 - 1))
    if draw(st.booleans()):
        return random_panel(bars, assets, seed=seed, gaps=gaps)
    rng = np.random.default_rng(seed)
    top = draw(st.sampled_from([3, 10**6, 10**12, 2**50 - 1]))
    prices = np.sort(rng.integers(1, top, (4, bars, assets), endpoint=True), axis=0)
    inner = rng.random((bars, assets)) < 0.5
    volume = rng.integers(0, draw(st.sampled_from([2, 10**9, 2**62])), (bars, assets))
    state = (rng.random((bars, assets)) >= gaps).astype(np.uint8)
    open_, close = np.where(inner, prices[1:3], prices[2:0:-1])
    return panel_of(open_, prices[3], prices[0], close, volume, state)


@settings(max_examples=60, deadline=None)
@given(panels(), SETS, st.data())
def test_stream_equals_table(panel: MarketPanel, features: FeatureSet, data: st.DataObject) -> None:
    """A stream has the table's bits, also when it is saved and restored at any bar."""
    table = NATIVE.table(panel, features)
    stream = NATIVE.stream(panel, features)
    assert not stream.valid.any()
    pause = data.draw(st.integers(0, len(panel)), label="saved after")
    for i in range(len(panel)):
        if i == pause:
            state = stream.snapshot()
            stream = NATIVE.stream(panel, features)
            stream.restore(state)
            assert stream.snapshot() == state
        row = stream.update(*(getattr(panel, name)[i] for name in FIELDS))
        assert row.tobytes() == table.values[i].tobytes()
        np.testing.assert_array_equal(stream.valid, table.valid[i])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([EVERYTHING, default_feature_set()]))
def test_threads_do_not_change_a_bit(seed: int, features: FeatureSet) -> None:
    """One thread or several give the same table."""
    panel = random_panel(5_000, 7, seed=seed, gaps=0.01)
    one = NATIVE.table(panel, features)
    many = NativeFeatures(threads=5).table(panel, features)
    assert one.values.tobytes() == many.values.tobytes()
    assert one.valid.tobytes() == many.valid.tobytes()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 900))
def test_windows_do_not_depend_on_the_anchor(seed: int, start: int) -> None:
    """Beginning later changes recursive features by under 1e-9, window features not at all."""
    panel = random_panel(2_500, 2, seed=seed)
    features = FeatureSet(tuple(one for one in EVERYTHING.specs if one.parameters))
    whole = NATIVE.table(panel, features).values
    late = NATIVE.table(panel.slice(start, len(panel)), features).values
    recursive = ("ema", "macd", "rsi", "atr")
    settled = start + 1_500  # RSI(14) and MACD(26) have forgotten their seed to 1e-15 by then
    for i, spec in enumerate(features.specs):
        a, b = whole[settled:, :, i], late[settled - start :, :, i]
        if spec.name.startswith(recursive):
            size = panel.close.max() * 0.01 if spec.form is FeatureForm.RAW else 1.0
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * size, err_msg=str(spec))
        elif spec.name not in ("stochastic_k", "stochastic_d"):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=str(spec))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_snapshots_are_refused(data: st.DataObject) -> None:
    """A flipped bit or a cut anywhere is noticed, and the stream stays as it was."""
    panel = random_panel(60, 2, seed=9)
    features = default_feature_set()
    stream = NATIVE.stream(panel, features)
    for i in range(40):
        stream.update(*(getattr(panel, name)[i] for name in FIELDS))
    good = stream.snapshot()
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = bytearray(good)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (bytes(flipped), good[:at], good + b"\0"):
        with pytest.raises(DataError, match="snapshot"):
            stream.restore(bad)
        assert stream.snapshot() == good


def test_foreign_snapshots_are_refused() -> None:
    """A state of other features, other parameters, other assets or another timeframe is refused."""
    panel = random_panel(60, 2)
    state = NATIVE.stream(panel, FeatureSet((feature("rsi", 14),))).snapshot()
    foreign = (
        NATIVE.stream(panel, FeatureSet((feature("rsi", 15),))),
        NATIVE.stream(panel, FeatureSet((feature("rsi", 14, form=FeatureForm.RAW),))),
        NATIVE.stream(panel, FeatureSet((feature("roc", 14),))),
        NATIVE.stream(random_panel(60, 3), FeatureSet((feature("rsi", 14),))),
    )
    for stream in foreign:
        with pytest.raises(DataError, match="other features or instruments"):
            stream.restore(state)
