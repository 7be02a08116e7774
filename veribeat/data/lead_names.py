"""Which signals of a recording are the twelve leads, whatever their order and spelling."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from veribeat.conventions import LEADS
from veribeat.data.wfdb_record import lead_name
from veribeat.errors import InputError
from veribeat.signal.limb_leads import FROM_I_AND_II

PREFIX = re.compile(r"^(mdc_ecg_(lead|elec_potl)_|ecg(?![a-z])[\s_:-]*)", flags=re.IGNORECASE)
"""IEEE 11073-10102 names (MDC_ECG_LEAD_AVR), and "ECG" before a lead's own name."""


@dataclass(frozen=True)
class LeadChoice:
    """Where the leads of a recording are."""

    positions: dict[str, int]
    """Index of the signal of each lead that is there, in the order of LEADS."""
    derived: tuple[str, ...]
    """Limb leads that are not there and follow from I and II."""
    ignored: tuple[str, ...]
    """Names of the signals that are no lead."""


def standard_lead_name(text: str) -> str | None:
    """A lead's name as in LEADS: 'aVR', 'Lead aVR', 'ECG aVR' and 'MDC_ECG_LEAD_AVR' are 'AVR'; None for anything else.

    Nothing is guessed: 'V7', '-aVR' and 'MLII' are other leads.
    """
    name = lead_name(PREFIX.sub("", text.strip()))
    return name if name in LEADS else None


def choose_leads(names: Sequence[str]) -> LeadChoice:
    """The leads among signals named `names`.

    Raises:
        InputError: a lead is there twice, or one is missing that does not follow from I and II.
    """
    positions: dict[str, int] = {}
    for position, text in enumerate(names):
        name = standard_lead_name(text)
        if name in positions:
            raise InputError(f"lead {name} is there twice, as {names[positions[name]]!r} and {text!r}.")
        if name is not None:
            positions[name] = position
    missing = [lead for lead in LEADS if lead not in positions]
    needed = [lead for lead in missing if lead not in FROM_I_AND_II]
    if needed:
        raise InputError(
            f"no lead {' or '.join(needed)} among its signals ({listed(names)}); only"
            f" {', '.join(FROM_I_AND_II)} can be derived from others."
        )
    chosen = {lead: positions[lead] for lead in LEADS if lead in positions}
    ignored = tuple(text for position, text in enumerate(names) if position not in positions.values())
    return LeadChoice(chosen, tuple(missing), ignored)


def listed(names: Sequence[str]) -> str:
    """The names in quotes, the first of them where there are many."""
    return textwrap.shorten(", ".join(map(repr, names)), 200, placeholder=" ...")
