"""Ends of a recording where all leads stand still at once, which is padding and no signal.

PTB-XL's 500 Hz files end so, for 46 to 54 samples in 40 of 40 records; its 100 Hz files have the signal there.

What to put in its place was tried on the 2,198 records of fold 10 at 100 Hz, whose last 0.1 s is known. The table has
the mean absolute difference of a probability from the prediction for the true signal, and the share of label sets that
differ, for `cnn_gru_flow` trained with the presets `fast` and `paper`:

                             fast               paper
    held as it is            0.00526  2.2 %    0.01138  5.3 %
    even mirror image        0.00690  3.2 %    0.01466  7.1 %
    faded to the median      0.00505  2.0 %    0.01069  5.0 %
    faded to the mean        0.00539  2.1 %    0.01091  5.1 %

Fading gains little, but a mirror image loses: it makes waves that the heart did not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHORTEST_S = 0.08
"""Of 20,698 records of PTB-XL at 100 Hz, none holds its end even for one step, and 150 hold their beginning, for up to
0.05 s. The 500 Hz files hold their ends for 0.092 s and more, and all leads at once elsewhere for up to 0.02 s."""

LONGEST_S = 0.2
"""More than that is a recording that stopped, which is not for this module to repair."""

MEDIAN_S = 1.0
"""About one beat, so that the median is near the level between the waves."""


class HeldEnds(NamedTuple):
    """Samples at the beginning and at the end that repeat the one beside them; 0 where there is nothing to repair."""

    first: int
    last: int


def fade_held_ends(signals: NDArray[np.float64], rate: float) -> tuple[NDArray[np.float64], HeldEnds]:
    """Signals (samples, leads) at `rate` Hz with held ends faded out, and how many samples those were.

    An end is held where every lead keeps one value of its own for 0.08 s to 0.2 s. A straight line then leads from that
    value to the lead's median over the 1 s beside the held stretch. Any unit; without a held end, `signals` themselves
    are returned.
    """
    held = HeldEnds(_held_samples(signals, rate), _held_samples(signals[::-1], rate))
    if not any(held):
        return signals, held
    faded = signals.copy()
    _fade_beginning(faded, held.first, rate)
    _fade_beginning(faded[::-1], held.last, rate)
    return faded, held


def _held_samples(signals: NDArray[np.float64], rate: float) -> int:
    beyond = round(LONGEST_S * rate) + 1
    moves = (signals[1 : beyond + 1] != signals[0]).any(axis=1)
    steps = int(np.argmax(moves)) if moves.any() else len(moves)
    return steps if SHORTEST_S <= steps / rate <= LONGEST_S else 0


def _fade_beginning(signals: NDArray[np.float64], held: int, rate: float) -> None:
    """Replace the first `held` samples of `signals` in place."""
    beside = signals[held]
    median = np.median(signals[held : held + round(MEDIAN_S * rate)], axis=0)
    share = np.linspace(1, 0, held, endpoint=False)[:, None]  # of the median
    signals[:held] = beside + share * (median - beside)
