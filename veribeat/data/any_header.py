"""Headers of WFDB records from any source: parsed by wfdb, and checked before a signal file is opened."""

import math
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import wfdb

from veribeat.data.lead_names import LeadChoice, choose_leads, listed
from veribeat.data.wfdb_record import MAX_HEADER_BYTES, MV_PER_UNIT, PARSER_ERRORS, has_no_gain
from veribeat.errors import InputError
from veribeat.signal.quality import QualityWarning

BITS_PER_SAMPLE = {
    **{"8": 8, "80": 8, "16": 16, "61": 16, "160": 16, "24": 24, "32": 32},
    **{"212": 12, "310": 32 / 3, "311": 32 / 3},
    **{"508": 0, "516": 0, "524": 0},
}
"""Of the storage formats that wfdb reads; 0 for the compressed ones, whose size says nothing."""

RECORD_LINE = re.compile(r"\S+\s+\d+(\s+\d+\.?\d*(/\S*)?(\s+\d+(\s.*)?)?)?", flags=re.ASCII)
"""Name, number of signals, rate with counter frequency, length. wfdb takes what it does not understand for left out,
and then the rate for 250 Hz."""

LARGEST_SKEW = 100_000
"""Samples; wfdb makes room for as many."""

REPLACED = "\N{REPLACEMENT CHARACTER}"


class Header:
    """The header of a single-segment record whose leads are known.

    `fields` is wfdb's Record without samples, `leads` where its leads are, `folder` where its signal files lie.
    """

    def __init__(self, file: Path) -> None:
        """Parse `file`; InputError unless it describes all leads, in mV, uV or V and at one rate."""
        if not file.is_file():
            raise InputError(f"there is no file {file}.")
        self.folder = file.parent.resolve()
        self.stem = self.folder / file.name.removesuffix(".hea")
        self._lines = _lines(file)
        self.fields = self._parse()
        self.leads: LeadChoice = choose_leads([name or "" for name in self.fields.sig_name])
        self.channels = list(self.leads.positions.values())
        self._check_leads()

    @property
    def rate(self) -> float:
        """Sampling rate of the leads, in Hz."""
        return float(self.fields.fs * self.fields.samps_per_frame[self.channels[0]])

    @property
    def samples(self) -> int | None:
        """Samples per lead; None where the header leaves it to the size of the file."""
        frames = self.fields.sig_len
        return None if frames is None else int(frames * self.fields.samps_per_frame[self.channels[0]])

    def warnings(self) -> list[QualityWarning]:
        """What the header leaves out and had to be assumed, and what of it is not used."""
        found = []
        if self.leads.ignored:
            found.append(QualityWarning("ignored signals", listed(self.leads.ignored)))
        if self.leads.derived:
            found.append(QualityWarning("derived leads", f"{', '.join(self.leads.derived)} from I and II"))
        if len(self._lines[0].split()) < 3:
            found.append(
                QualityWarning("no sampling rate in the header", "WFDB's default of 250 Hz is assumed")
            )
        uncalibrated = [lead for lead, k in self.leads.positions.items() if has_no_gain(self._lines[k + 1])]
        if uncalibrated:
            what = f"{', '.join(uncalibrated)}; WFDB's default of 200 steps per mV is assumed"
            found.append(QualityWarning("no gain in the header", what))
        return found

    def _parse(self) -> Any:
        if "::" in str(self.stem):  # wfdb opens files through fsspec, where it chains file systems
            raise InputError("'::' in a path is not supported.")
        try:
            fields = wfdb.rdheader(str(self.stem))
        except PARSER_ERRORS as error:
            raise InputError(f"the header is damaged ({error}).") from error
        first = self._lines[0].strip()
        if not RECORD_LINE.fullmatch(first):
            raise InputError(
                f"the header's first line is {first[:100]!r}; expected name, number of signals, rate in Hz and samples."
            )
        if not isinstance(fields, wfdb.Record):
            raise InputError("records of several segments are not supported: convert it to a single one.")
        names = getattr(fields, "sig_name", None) or []
        if not names or len(names) != fields.n_sig:
            raise InputError(f"the header announces {fields.n_sig} signals and describes {len(names)}.")
        if any((skew or 0) > LARGEST_SKEW for skew in fields.skew):
            raise InputError(f"a signal is skewed by more than {LARGEST_SKEW} samples.")
        return fields

    def _check_leads(self) -> None:
        for lead, channel in self.leads.positions.items():
            unit = self.fields.units[channel]
            if REPLACED in self._lines[channel + 1]:
                raise InputError(f"the line of lead {lead} is not ASCII text; write µV as uV.")
            if unit not in MV_PER_UNIT:
                raise InputError(f"lead {lead} is in the unit {unit!r}; expected mV, uV or V.")
        per_frame = {self.fields.samps_per_frame[channel] for channel in self.channels}
        if len(per_frame) > 1:
            raise InputError(
                f"its leads have different sampling rates ({sorted(per_frame)} samples per frame)."
            )

    def check_signal_files(self) -> None:
        """InputError unless each lies in the folder and holds the samples announced, in a format that can be read."""
        fields = self.fields
        runs = [
            (key, [k for k, _ in group])
            for key, group in groupby(enumerate(_storage(fields)), key=lambda item: item[1])
        ]
        if len(runs) > len(set(fields.file_name)):
            raise InputError(
                "signals of one file are not next to one another, or differ in format or offset."
            )
        for (name, fmt, offset), channels in runs:
            if fmt not in BITS_PER_SAMPLE:
                raise InputError(f"signal format {fmt} is not supported.")
            file = (self.folder / name).resolve()
            if file.parent != self.folder:
                raise InputError(f"the signal file {name!r} lies outside the folder of the header.")
            if not file.is_file():
                raise InputError(f"there is no signal file {name!r} next to the header.")
            bits = sum(BITS_PER_SAMPLE[fmt] * fields.samps_per_frame[k] for k in channels)
            if fields.sig_len is not None and bits:
                needed, size = offset + math.ceil(fields.sig_len * bits / 8), file.stat().st_size
                if size < needed:
                    raise InputError(f"{name} is cut short: it has {size} of {needed} bytes.")


def _storage(fields: Any) -> list[tuple[str, str, int]]:
    """File, format and offset of each signal."""
    offsets = [offset or 0 for offset in fields.byte_offset]
    return list(zip(fields.file_name, fields.fmt, offsets, strict=True))


def _lines(file: Path) -> Sequence[str]:
    """Record line and signal lines as wfdb finds them, but with what is not ASCII replaced, not dropped."""
    if file.stat().st_size > MAX_HEADER_BYTES:
        raise InputError(f"the header has more than {MAX_HEADER_BYTES} bytes.")
    lines = file.read_bytes().decode("ascii", errors="replace").splitlines()
    return [line for line in lines if line.replace(REPLACED, "").strip() and not line.strip().startswith("#")]
