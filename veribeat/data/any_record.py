"""Read 12 leads from any WFDB record on this machine: any rate, length, storage format, unit and order of leads.

`wfdb_record` is the strict reader of PTB-XL's own files, on which `ingest` relies; this one takes what other devices
and databases write, says what it had to do, and refuses what would be guesswork.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray

from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE
from veribeat.data.any_header import Header
from veribeat.data.wfdb_record import MV_PER_UNIT, PARSER_ERRORS
from veribeat.errors import InputError
from veribeat.signal.ends import HeldEnds, fade_held_ends
from veribeat.signal.gaps import bridge_gaps
from veribeat.signal.limb_leads import limb_lead
from veribeat.signal.quality import FLAT_MV, QualityWarning
from veribeat.signal.resampling import resampled_length

LARGEST_MV = 20.0
"""A larger sample is an artefact or another unit; `ingest.amplitude_limit_mv` is the same by default."""

LONGEST_S = 3600.0
"""The whole recording is held in memory: up to 1.7 GB at 1000 Hz."""


@dataclass(frozen=True)
class EcgRecord:
    """A recording of 12 leads, complete and in mV."""

    signals_mv: NDArray[np.float64]
    """(samples, 12), leads in the order of LEADS, no NaN."""
    sampling_rate: float
    """Hz, 100 to 1000."""
    derived: frozenset[str]
    """Leads that were computed from I and II."""
    warnings: tuple[QualityWarning, ...]
    """What had to be done or assumed to read the files, and what is suspicious about them."""

    @property
    def duration_s(self) -> float:
        """Samples over rate."""
        return len(self.signals_mv) / self.sampling_rate


def read_any_record(record: str) -> EcgRecord:
    """The WFDB record at the path `record`, with or without `.hea`.

    At least 10 s and at most an hour, at 100 to 1000 Hz. Signals that are no lead are left out, missing limb leads are
    derived from I and II, gaps of up to 0.04 s are bridged, ends that hold one value are faded out; `warnings` says so.
    Signal files lie in the folder of the header. Nothing is ever fetched from a network.

    Raises:
        InputError: one sentence that begins with `record`, for whatever is wrong with it.
    """
    try:
        return _read(Header(Path(record.removesuffix(".hea") + ".hea")))
    except InputError as error:
        raise InputError(f"{record}: {error}") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        what = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(f"{record}: {what}.") from error


def _read(header: Header) -> EcgRecord:
    if header.samples is not None:
        _check_length(header.samples, header.rate)
    header.check_signal_files()
    digital, stored = _read_samples(header)
    _check_length(len(stored["I"]), header.rate)
    warnings = [*header.warnings(), *_checksum_warnings(header, digital)]
    leads, bridged = bridge_gaps(stored, header.rate)
    if bridged:
        counts = ", ".join(f"{count} in {lead}" for lead, count in bridged.items())
        warnings.append(QualityWarning("missing samples", f"{counts}, bridged by straight lines"))
    leads |= {name: limb_lead(name, leads["I"], leads["II"]) for name in header.leads.derived}
    signals, held = fade_held_ends(np.stack([leads[lead] for lead in LEADS], axis=1), header.rate)
    warnings += _held_warnings(held, header.rate)
    for lead, peak in zip(LEADS, np.abs(signals).max(axis=0), strict=True):
        if not peak <= LARGEST_MV:  # also what a gain of almost 0 makes infinite
            raise InputError(
                f"lead {lead} reaches {peak:.4g} mV, more than {LARGEST_MV:g} mV: correct unit or gain in the header,"
                " or cut the artefact out."
            )
    if np.ptp(signals, axis=0).max() < FLAT_MV:
        raise InputError(
            f"every lead is flat, within {FLAT_MV:g} mV: there is no ECG in it, or the gain in its header is wrong."
        )
    return EcgRecord(signals, header.rate, frozenset(header.leads.derived), tuple(warnings))


def _check_length(samples: int, rate: float) -> None:
    too_short = resampled_length(samples, rate) < RECORD_SAMPLES
    duration = samples / rate
    if too_short:
        needed = RECORD_SAMPLES / SAMPLING_RATE
        raise InputError(f"it lasts {duration:.4g} s, and at least {needed:g} s are needed.")
    if duration > LONGEST_S:
        raise InputError(f"it lasts {duration:.0f} s, more than {LONGEST_S:g} s: cut it into parts.")


def _read_samples(header: Header) -> tuple[Any, dict[str, NDArray[np.float64]]]:
    """A wfdb.Record with the ADC values of the leads that are there, and these leads in mV, (samples,) each.

    NaN is where the file marks a sample as invalid.
    """
    try:
        digital = wfdb.rdrecord(
            str(header.stem), channels=header.channels, physical=False, smooth_frames=False, return_res=64
        )
        physical = digital.dac(expanded=True, return_res=64)
    except (*PARSER_ERRORS, RuntimeError) as error:  # RuntimeError: of libsndfile, which reads FLAC
        raise InputError(f"the samples cannot be read ({error}).") from error
    # Divided by an exact 1000 where multiplying by an inexact 0.001 would differ in the last digit.
    leads = {
        lead: values / (1 / MV_PER_UNIT[unit])
        for lead, values, unit in zip(header.leads.positions, physical, digital.units, strict=True)
    }
    return digital, leads


def _held_warnings(held: HeldEnds, rate: float) -> list[QualityWarning]:
    done = "no signal, and faded to each lead's median"
    warnings = []
    if held.first:
        detail = f"the first {held.first / rate:.3f} s hold one value in all leads: {done}"
        warnings.append(QualityWarning("held beginning", detail))
    if held.last:
        detail = f"the last {held.last / rate:.3f} s hold one value in all leads, as in PTB-XL's 500 Hz files: {done}"
        warnings.append(QualityWarning("held end", detail))
    return warnings


def _checksum_warnings(header: Header, digital: Any) -> list[QualityWarning]:
    stated = [header.fields.checksum[channel] for channel in header.channels]
    none_computed, moved = not any(stated), any(header.fields.skew)
    if none_computed or moved:  # some writers leave 0; a skew moves samples out of the record
        return []
    pairs = zip(header.leads.positions, stated, digital.calc_checksum(expanded=True), strict=True)
    wrong = [lead for lead, sum_, computed in pairs if sum_ is not None and sum_ % 65536 != computed]
    if not wrong:
        return []
    return [QualityWarning("checksum mismatch", f"{', '.join(wrong)}; the file may be damaged")]
