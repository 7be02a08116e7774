import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score

from veribeat.errors import InputError
from veribeat.metrics.thresholds import calibrate_thresholds, predict_labels, threshold_grid

ONE = ("MI",)


def brute_force(p: np.ndarray, y: np.ndarray, parts: int) -> float:
    best, best_f1 = 0.0, -1.0
    for k in range(parts + 1):
        f1 = f1_score(y, p.astype(np.float64) >= k / parts, zero_division=0)
        if f1 > best_f1:  # strictly better only: the lowest threshold wins ties
            best, best_f1 = k / parts, f1
    return best


@settings(max_examples=40, deadline=None)
@given(data=st.data(), length=st.integers(1, 25), dtype=st.sampled_from([np.float32, np.float64]))
def test_the_sweep_finds_what_a_loop_over_scikit_learn_finds(data, length, dtype):
    # values on the grid are the hard case: equality with a threshold, in float32 and float64
    on_grid = st.integers(0, 50).map(lambda k: float(dtype(k / 50)))
    anywhere = st.floats(0, 1, width=32, allow_subnormal=False)
    p = data.draw(hnp.arrays(dtype, length, elements=st.one_of(on_grid, anywhere)))
    y = data.draw(hnp.arrays(bool, length))
    y[data.draw(st.integers(0, length - 1))] = True
    found = calibrate_thresholds(p[:, None], y[:, None], step=0.02, classes=ONE)
    assert found.tolist() == [brute_force(p, y, 50)]


def test_the_default_grid_agrees_with_the_loop():
    rng = np.random.default_rng(4)
    y = rng.random((300, 2)) < 0.3
    p = np.clip(rng.normal(0.35 + 0.2 * y, 0.15), 0, 1).astype(np.float32)
    expected = [brute_force(p[:, c], y[:, c], 1000) for c in range(2)]
    assert calibrate_thresholds(p, y, classes=("MI", "CD")).tolist() == expected


def test_lowest_threshold_wins_ties():
    # everything in (0.2, 0.8] separates perfectly; the lowest grid value above 0.2 is 0.201
    p, y = np.array([[0.2], [0.8]]), np.array([[False], [True]])
    assert calibrate_thresholds(p, y, classes=ONE).tolist() == [0.201]


def test_a_probability_equal_to_the_threshold_is_positive():
    p, y = np.array([[0.3], [0.301]]), np.array([[False], [True]])
    (threshold,) = calibrate_thresholds(p, y, classes=ONE)
    assert threshold == 0.301
    assert predict_labels(p, [threshold]).tolist() == [[False], [True]]


def test_float32_probabilities_are_compared_in_float64():
    seven_tenths = np.array([[0.7]], dtype=np.float32)  # 0.69999999 in float64
    assert not predict_labels(seven_tenths, [0.7])[0, 0]
    assert not predict_labels(seven_tenths, 0.7)[0, 0]
    assert predict_labels(np.array([[0.3]], dtype=np.float32), 0.3)[0, 0]  # 0.30000001


def test_always_positive_class_gets_threshold_zero():
    assert calibrate_thresholds([[0.1], [0.9]], [[1], [1]], classes=ONE).tolist() == [0.0]


def test_a_class_without_positives_is_named():
    y = np.ones((3, 5), dtype=bool)
    y[:, 4] = False
    with pytest.raises(InputError, match="for HYP: the validation set has no record"):
        calibrate_thresholds(np.full((3, 5), 0.5), y)


@pytest.mark.parametrize("step", [0, -0.1, 2, 0.3, 0.0007])
def test_a_step_that_does_not_divide_one_is_refused(step):
    with pytest.raises(InputError, match="must divide 1"):
        threshold_grid(step)


def test_grid_holds_the_floats_that_print_short():
    assert [repr(float(t)) for t in threshold_grid()[[0, 3, 307, 1000]]] == ["0.0", "0.003", "0.307", "1.0"]


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        (np.zeros((0, 1)), np.zeros((0, 1)), "no records"),
        ([[np.nan]], [[1]], "not within"),
        ([[1.2]], [[1]], "not within"),
        ([[0.5]], [[2]], "0 or 1"),
        ([[0.5, 0.5]], [[1, 1]], "one column for each of MI"),
        ([[0.5]], [[1], [0]], "must both be"),
    ],
)
def test_bad_arrays_are_refused(p, y, message):
    with pytest.raises(InputError, match=message):
        calibrate_thresholds(p, y, classes=ONE)
