"""From the potentials of nine electrodes to twelve leads, and back.

An electrode cannot be seen alone: leads are differences. Wilson's terminal, the mean of RA, LA and LL, is taken as zero
here, which is what the chest leads do.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS
from veribeat.signal.limb_leads import FROM_I_AND_II

ELECTRODES: Final = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The right leg's electrode is the reference of the amplifier and in no lead."""

LIMBS: Final = ELECTRODES[:3]


def _lead_weights() -> NDArray[np.float64]:
    place = {name: np.eye(len(ELECTRODES))[k] for k, name in enumerate(ELECTRODES)}
    wilson = (place["RA"] + place["LA"] + place["LL"]) / 3
    weights = {"I": place["LA"] - place["RA"], "II": place["LL"] - place["RA"]}
    for name, (of_i, of_ii) in FROM_I_AND_II.items():
        weights[name] = of_i * weights["I"] + of_ii * weights["II"]
    for name in ELECTRODES[3:]:
        weights[name] = place[name] - wilson
    return np.array([weights[lead] for lead in LEADS])


LEAD_WEIGHTS: Final = _lead_weights()
"""(12, 9): each lead of LEADS from the potentials of ELECTRODES (Einthoven, Goldberger, Wilson)."""


def _potential_weights() -> NDArray[np.float64]:
    weights = np.zeros((len(ELECTRODES), len(LEADS)))
    one, two = LEADS.index("I"), LEADS.index("II")
    weights[0, [one, two]] = (-1 / 3, -1 / 3)
    weights[1, [one, two]] = (2 / 3, -1 / 3)
    weights[2, [one, two]] = (-1 / 3, 2 / 3)
    for row, name in enumerate(ELECTRODES[3:], start=3):
        weights[row, LEADS.index(name)] = 1
    return weights


POTENTIAL_WEIGHTS: Final = _potential_weights()
"""(9, 12): each electrode's potential against Wilson's terminal from I, II and the chest leads."""


def potentials(leads: NDArray[np.floating]) -> NDArray[np.float64]:
    """Potentials (..., 9) of ELECTRODES against Wilson's terminal from leads (..., 12), in their unit."""
    against_wilson: NDArray[np.float64] = leads @ POTENTIAL_WEIGHTS.T
    return against_wilson


def leads_of(electrodes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Leads (..., 12) from potentials (..., 9) of ELECTRODES, in their unit; what all have in common cancels."""
    leads: NDArray[np.float64] = electrodes @ LEAD_WEIGHTS.T
    return leads


def affected_leads(electrode: str) -> tuple[str, ...]:
    """The leads that the potential of one of ELECTRODES is part of, in the order of LEADS."""
    return tuple(
        lead
        for lead, weight in zip(LEADS, LEAD_WEIGHTS[:, ELECTRODES.index(electrode)], strict=True)
        if weight
    )
