import numpy as np
import pytest
from recordings import ecg

from veribeat.errors import InputError
from veribeat.signal.windows import cut_windows, window_at


@pytest.mark.parametrize("rate", [100, 257, 500])
def test_it_is_the_window_that_a_cut_gives(rate):
    signals = ecg(rate, 26.0)
    signals[round(12 * rate) : round(14 * rate), 8] += 6.0
    for cut in cut_windows(signals, rate, frozenset({"III"})):
        chosen = window_at(signals, rate, cut.start_s, frozenset({"III"}))
        assert (chosen.start_s, chosen.end_s) == (cut.start_s, cut.end_s)
        assert (chosen.signals_mv == cut.signals_mv).all()
        assert chosen.warnings == cut.warnings


def test_it_begins_anywhere():
    signals = ecg(100, 12.0)
    chosen = window_at(signals, 100, 1.234)
    assert (chosen.start_s, chosen.end_s) == (1.23, 11.23)
    assert (chosen.signals_mv == signals[123:1123].astype(np.float32)).all()


@pytest.mark.parametrize("start_s", [-0.01, 2.01, np.inf, np.nan])
def test_it_lies_within_the_recording(start_s):
    with pytest.raises(InputError, match=r"begin between 0 and 2 s\.$"):
        window_at(ecg(100, 12.0), 100, start_s)
