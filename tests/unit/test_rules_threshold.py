import h5py
import numpy as np
import pytest

from veribeat.errors import InputError
from veribeat.rules.spread import feature_std_mv
from veribeat.rules.threshold import importance_threshold, important


def attributions(rows=300):
    return np.random.default_rng(3).normal(size=(rows, 20, 12)).astype(np.float32)


@pytest.mark.parametrize("percentile", [45.0, 90.0, 100.0])
def test_threshold_is_the_percentile_of_magnitudes(percentile):
    values = attributions()
    expected = np.percentile(np.abs(values), percentile)
    assert importance_threshold(values, np.arange(300), percentile) == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(values, attributions())  # the caller's array is as it was


def test_rows_choose_and_may_come_in_any_order_from_hdf5(tmp_path):
    values, rows = attributions(), np.array([250, 3, 140, 7])
    with h5py.File(tmp_path / "values.h5", "w") as file:
        dataset = file.create_dataset("values", data=values, chunks=(8, 20, 12))
        found = importance_threshold(dataset, rows, 90.0)
    assert found == pytest.approx(np.percentile(np.abs(values[rows]), 90), rel=1e-6)


def test_important_is_at_the_threshold_or_beyond_of_either_sign():
    values = np.array([-2.0, -1.0, 0.5, 1.0], dtype=np.float32)
    assert important(values, 1.0).tolist() == [True, True, False, True]


def test_a_tenth_is_important_at_the_90th_percentile():
    values = attributions()
    threshold = importance_threshold(values, np.arange(300), 90.0)
    assert important(values, threshold).mean() == pytest.approx(0.1, abs=1e-4)


def test_no_rows_and_no_numbers_are_refused():
    values = attributions(4)
    with pytest.raises(InputError, match="no attributions"):
        importance_threshold(values, np.arange(0), 90.0)
    values[2, 1, 1] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        importance_threshold(values, np.arange(4), 90.0)
    assert importance_threshold(values, np.array([0, 1, 3]), 90.0) > 0


def test_spread_is_the_standard_deviation_of_each_feature_over_the_rows():
    signals = np.random.default_rng(4).integers(-32768, 32768, (1200, 5, 12)).astype(np.int16)
    rows = np.arange(0, 1200, 2)
    assert feature_std_mv(signals, rows) == pytest.approx((signals[rows] / 1000).std(axis=0), rel=1e-12)
    with pytest.raises(ValueError, match="no records"):
        feature_std_mv(signals, np.arange(0))
