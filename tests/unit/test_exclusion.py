"""The rule for a record that a selection excluded."""

import pandas as pd

from veribeat.metrics.exclusion import EXCLUDED, is_excluded

COUNTS = pd.DataFrame({"dropped": [0, 0, 1, 3, 3], "considered": [0, 4, 4, 4, 3]})


def test_excluded_is_dropped_whenever_it_could_be() -> None:
    assert is_excluded(COUNTS["dropped"], COUNTS["considered"]).tolist() == [False, False, False, False, True]
    assert is_excluded([], []).tolist() == []


def test_the_words_say_the_rule() -> None:
    by_words = COUNTS.eval(EXCLUDED)
    assert by_words.tolist() == is_excluded(COUNTS["dropped"], COUNTS["considered"]).tolist()
