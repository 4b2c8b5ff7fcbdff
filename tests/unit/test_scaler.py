"""Feature scaling: fitted on valid training rows, the same for one row and for many."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mettle.application.learning.scaler import FeatureScaler
from mettle.domain.errors import DataError


def values(bars: int = 50) -> np.ndarray:
    """Return random features of two assets and three features."""
    return np.random.default_rng(1).normal(3.0, 2.0, size=(bars, 2, 3))


def test_valid_rows_come_out_standard() -> None:
    """Over the rows of the fit the mean is 0 and the deviation 1."""
    table = values()
    scaler = FeatureScaler.fit(table, np.ones((50, 2), dtype=bool))
    scaled = scaler.transform(table)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, atol=1e-6)


def test_rows_that_are_not_valid_do_not_count() -> None:
    """Warm-up and gaps leave no trace in the scaler, of each asset by itself."""
    table = values()
    valid = np.ones((50, 2), dtype=bool)
    valid[:10, 0] = False
    before = FeatureScaler.fit(table, valid)
    table[:10, 0] = 1e9
    after = FeatureScaler.fit(table, valid)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.deviation, after.deviation)


def test_one_row_scales_as_it_does_among_many() -> None:
    """The bits of a scaled row do not depend on its neighbours."""
    table = values()
    scaler = FeatureScaler.fit(table, np.ones((50, 2), dtype=bool))
    rows = np.stack([scaler.transform(row) for row in table])
    assert rows.tobytes() == scaler.transform(table).tobytes()


def test_a_constant_feature_keeps_its_unit() -> None:
    """Rounding errors of a constant are not blown up to the clip."""
    table = values()
    table[:, 0, 1] = 0.1
    scaler = FeatureScaler.fit(table, np.ones((50, 2), dtype=bool))
    assert scaler.deviation[0, 1] == 1.0
    assert abs(scaler.transform(table)[:, 0, 1]).max() < 1e-6


def test_outliers_are_clipped() -> None:
    """Ten deviations are the most that a policy ever sees."""
    table = values()
    scaler = FeatureScaler.fit(table, np.ones((50, 2), dtype=bool))
    table[0] = 1e12
    assert (scaler.transform(table)[0] == np.float32(10.0)).all()


def test_too_few_rows_are_refused() -> None:
    """One bar has no deviation."""
    valid = np.zeros((50, 2), dtype=bool)
    valid[7] = True
    with pytest.raises(DataError, match="1 bars past the warm-up"):
        FeatureScaler.fit(values(), valid)


def test_a_feature_that_is_not_finite_is_named() -> None:
    """NaN in training is refused, with its column and asset."""
    table = values()
    table[3, 1, 2] = np.nan
    with pytest.raises(DataError, match="feature 2 of asset 1"):
        FeatureScaler.fit(table, np.ones((50, 2), dtype=bool))


def test_json_brings_the_same_bits_back() -> None:
    """The manifest's decimal notation loses nothing."""
    scaler = FeatureScaler.fit(values(), np.ones((50, 2), dtype=bool))
    again = FeatureScaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    assert again.mean.tobytes() == scaler.mean.tobytes()
    assert again.deviation.tobytes() == scaler.deviation.tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": [[1.0, 2.0], [3.0]]},
        {"mean": [["a"]]},
        {"deviation": [[0.0]]},
        {"deviation": [[1.0, 1.0]]},
        {"deviation": [[float("nan")]]},
        {"clip": 0.0},
        {"clip": None},
        {"mean": None},
        {"more": 1},
    ],
)
def test_malformed_tables_are_refused(changes: dict[str, object]) -> None:
    """Ragged, wordy, misshapen, zero and unknown parts end in one typed error."""
    sound = {"mean": [[0.0]], "deviation": [[1.0]], "clip": 10.0}
    with pytest.raises(DataError):
        FeatureScaler.from_dict({**sound, **changes})
