"""Scalers see the training window's valid rows and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.application.learning.scaler import FeatureScaler
from mettle.application.ports.feature_builder import FeatureTable
from mettle.domain.errors import DataError
from mettle.domain.signals.catalogue import default_feature_set
from tests.support.feature_panels import flat_panel, random_panel


def table(bars: int = 600) -> FeatureTable:
    """Return the learning features of two assets with gaps."""
    panel = random_panel(bars, 2, seed=31, gaps=0.05)
    return NativeFeatures(threads=1).table(panel, default_feature_set())


def fitted(whole: FeatureTable, start: int, stop: int) -> FeatureScaler:
    """Return the scaler of the bars ``[start, stop)``."""
    return FeatureScaler.fit(whole.values[start:stop], whole.valid[start:stop])


def test_only_the_window_counts() -> None:
    """What lies outside the window, or is not valid inside it, does not move a bit."""
    whole = table()
    scaler = fitted(whole, 100, 400)
    spoilt = whole.values.copy()
    spoilt[:100] = spoilt[400:] = 1e9
    spoilt[~whole.valid] = -1e9
    other = FeatureTable(whole.feature_set, spoilt, whole.valid, whole.warmup)
    assert fitted(other, 100, 400).hash == scaler.hash
    assert fitted(whole, 100, 401).hash != scaler.hash
    rows = whole.values[100:400, 1][whole.valid[100:400, 1]]
    np.testing.assert_allclose(scaler.mean[1], rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaler.deviation[1], rows.std(axis=0), rtol=1e-12)


def test_rows_and_batches_have_the_same_bits() -> None:
    """Scaling a row alone, a window or the whole table gives the same float32."""
    whole = table()
    scaler = fitted(whole, 0, 300)
    batch = scaler.transform(whole.values)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    assert np.abs(batch).max() <= 10
    for i in range(0, 600, 7):
        assert scaler.transform(whole.values[i]).tobytes() == batch[i].tobytes()
        assert scaler.transform(whole.values[i : i + 5]).tobytes() == batch[i : i + 5].tobytes()


def test_still_columns_stay_finite() -> None:
    """A feature that never moved in training is centred, not divided by rounding errors."""
    still = NativeFeatures(threads=1).table(flat_panel(100), default_feature_set())
    scaler = fitted(still, 0, 100)
    np.testing.assert_array_equal(scaler.deviation, 1.0)
    np.testing.assert_array_equal(scaler.transform(still.values[still.valid]), 0.0)


def test_plain_form_is_exact() -> None:
    """Through JSON and back every number has the same bits, and the hash says so."""
    scaler = fitted(table(), 0, 500)
    again = FeatureScaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    assert again.hash == scaler.hash
    assert again.mean.tobytes() == scaler.mean.tobytes()
    nudged = {**scaler.to_dict(), "clip": 9.0}
    assert FeatureScaler.from_dict(nudged).hash != scaler.hash


def test_windows_without_valid_rows_are_refused() -> None:
    """Nothing can be learnt from the warm-up."""
    with pytest.raises(DataError, match="past the warm-up"):
        fitted(table(), 0, 20)
