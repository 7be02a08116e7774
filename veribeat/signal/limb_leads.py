"""What the limb leads have in common: I and II determine the other four (Einthoven, Goldberger)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

FROM_I_AND_II: Mapping[str, tuple[float, float]] = {
    "III": (-1.0, 1.0),
    "AVR": (-0.5, -0.5),
    "AVL": (1.0, -0.5),
    "AVF": (-0.5, 1.0),
}
"""Weights of leads I and II: III = II - I (Einthoven); AVR = -(I + II) / 2, AVL = I - II / 2, AVF = II - I / 2
(Goldberger)."""


def limb_lead(name: str, lead_i: NDArray[np.float64], lead_ii: NDArray[np.float64]) -> NDArray[np.float64]:
    """The limb lead `name`, a key of FROM_I_AND_II, from leads I and II, in their unit and shape."""
    of_i, of_ii = FROM_I_AND_II[name]
    return of_i * lead_i + of_ii * lead_ii
