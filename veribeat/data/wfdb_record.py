"""Read one WFDB record of a PTB-XL folder as int16 at 1000 units/mV, leads in the project's order."""

import math
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import wfdb

from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, UNITS_PER_MV
from veribeat.data.quarantine import Reason, RecordRejected

MV_PER_UNIT = {"mV": 1, "mv": 1, "uV": 1e-3, "uv": 1e-3, "V": 1000, "v": 1000}

INVALID_SAMPLE = {"16": -(2**15), "212": -(2**11), "24": -(2**23), "32": -(2**31)}
"""What WFDB stores for "no valid sample", per storage format; other formats are refused."""

BITS_PER_SAMPLE = {"16": 16, "212": 12, "24": 24, "32": 32}

MAX_HEADER_BYTES = 64 * 1024

NO_GAIN = re.compile(r"-?0*\.?0*(?![-\d.])")
"""A gain that is 0 or left out, for which WFDB assumes 200 steps per mV."""

LARGEST_BASELINE = 2**31

PARSER_ERRORS = (ValueError, TypeError, AttributeError, IndexError, KeyError, OverflowError)
"""What wfdb raises, depending on where a damaged header or signal trips it."""


def read_record(root: Path, filename: str, amplitude_limit_mv: float, reject_flat_leads: bool) -> np.ndarray:
    """One record as int16 (1000, 12) at 1000 units/mV, leads ordered as LEADS.

    `root` is the resolved folder of the records, `filename` the record's path in it without extension. RecordRejected
    with the first failing check, in the order of `Reason`; nothing outside `root` is opened.
    """
    try:
        return _read(root, filename, amplitude_limit_mv, reject_flat_leads)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        what = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise RecordRejected(Reason.UNREADABLE_FILE, f"{filename[:100]}: {what}") from error


def _read(root: Path, filename: str, amplitude_limit_mv: float, reject_flat_leads: bool) -> np.ndarray:
    header_file = _inside(root, root, filename + ".hea")
    header = _read_header(header_file, filename)
    order = lead_order(header.sig_name)
    units_per_step = _units_per_step(header)
    _check_timing(header)
    _check_signal_files(root, header_file.parent, header)
    digital = _read_digital(header_file, header)
    signal = (digital - np.array(header.baseline)) * units_per_step
    return _as_int16(signal[:, order], amplitude_limit_mv, reject_flat_leads)


def files_of(root: Path, filename: str) -> list[str]:
    """Header and signal files of a record that `read_record` takes, as paths in `root` (a resolved folder)."""
    folder = PurePosixPath(filename).parent
    header = _read_header(_inside(root, root, filename + ".hea"), filename)
    return [f"{filename}.hea", *(str(folder / name) for name in dict.fromkeys(header.file_name))]


def has_no_gain(line: str) -> bool:
    """Whether the line of a signal in a header states no gain, or 0."""
    fields = line.split()
    return len(fields) < 3 or NO_GAIN.match(fields[2]) is not None


def _inside(root: Path, folder: Path, name: str) -> Path:
    """The file `name` of `folder`, resolved through links; RecordRejected unless it lies in `root`.

    A colon is refused because wfdb opens files through fsspec, where one can chain to other file systems.
    """
    pure = PurePosixPath(name)
    suspicious = pure.is_absolute() or ".." in pure.parts or any(char in name for char in "\\:\0")
    if not suspicious:
        file = (folder / pure).resolve()
        if file.is_relative_to(root):
            return file
    raise RecordRejected(Reason.PATH_OUTSIDE_FOLDER, f"{name!r} does not stay in the folder of the records")


def _read_header(header_file: Path, filename: str) -> Any:
    """A wfdb.Record without samples, with every field present that is used here."""
    if not header_file.is_file():
        raise RecordRejected(Reason.MISSING_HEADER, f"{filename}.hea does not exist")
    if header_file.stat().st_size > MAX_HEADER_BYTES:
        raise _unreadable(f"{filename}.hea has more than {MAX_HEADER_BYTES} bytes")
    lines = [line for line in header_file.read_bytes().splitlines() if not line.lstrip().startswith(b"#")]
    if not all(line.isascii() for line in lines):
        raise _unreadable(f"{filename}.hea is not ASCII text")  # wfdb would read the unit µV as V
    for line in lines[1:]:
        signal_file = line.decode("ascii").split(maxsplit=1)[:1]
        if any("/" in name or "\\" in name for name in signal_file):
            raise RecordRejected(
                Reason.PATH_OUTSIDE_FOLDER, f"{filename}.hea names the signal file {signal_file[0]!r}"
            )
    try:
        header = wfdb.rdheader(str(header_file.with_suffix("")))
    except PARSER_ERRORS as error:
        raise _unreadable(f"{filename}.hea: {error}") from error
    names = getattr(header, "sig_name", None)
    if not isinstance(header, wfdb.Record) or not names or len(names) != header.n_sig or None in names:
        raise _unreadable(f"{filename}.hea does not describe the {header.n_sig} leads that it announces")
    unsupported = sorted(set(header.fmt) - BITS_PER_SAMPLE.keys())
    if unsupported:
        raise _unreadable(f"{filename}.hea: signal format {unsupported[0]} is not supported")
    if any(header.skew):
        raise _unreadable(
            f"{filename}.hea: skewed signals are not supported"
        )  # wfdb would make room for any skew
    if any(abs(baseline) > LARGEST_BASELINE for baseline in header.baseline):
        raise _unreadable(f"{filename}.hea: a baseline is beyond {LARGEST_BASELINE}")
    described = [line for line in lines[1:] if line.strip()]
    for name, line in zip(header.sig_name, described, strict=False):
        if has_no_gain(line.decode("ascii")):
            raise RecordRejected(Reason.NO_GAIN, f"lead {name!r} states no gain in {filename}.hea")
    return header


def _unreadable(detail: str) -> RecordRejected:
    return RecordRejected(Reason.UNREADABLE_HEADER, detail)


def lead_name(text: str) -> str:
    """A lead's name as in LEADS: 'aVR', 'Lead aVR' and 'lead_avr' are 'AVR'; unknown names come back."""
    name = re.sub(r"^lead[\s_]*", "", text.strip(), flags=re.IGNORECASE).upper()
    return name if name in LEADS else text


def lead_order(names: Sequence[str]) -> list[int]:
    """Indices that put signals named `names` into the order of LEADS.

    RecordRejected when a lead is unknown, appears twice or is missing.
    """
    found = [lead_name(name) for name in names]
    for name in found:
        if name not in LEADS:
            raise RecordRejected(Reason.UNKNOWN_LEAD, f"lead {name!r} is not one of {', '.join(LEADS)}")
    for lead in LEADS:
        if found.count(lead) > 1:
            raise RecordRejected(Reason.DUPLICATE_LEAD, f"lead {lead} appears {found.count(lead)} times")
        if lead not in found:
            raise RecordRejected(Reason.MISSING_LEAD, f"lead {lead} is missing")
    return [found.index(lead) for lead in LEADS]


def _units_per_step(header: Any) -> np.ndarray:
    """Stored units (1/1000 mV) per ADC step, (12,)."""
    unknown = [unit for unit in header.units if unit not in MV_PER_UNIT]
    if unknown:
        raise RecordRejected(Reason.UNKNOWN_UNITS, f"unit {unknown[0]!r}; expected mV, uV or V")
    # multiplied before dividing: exactly 1 for a record that is stored at 1000 units/mV or 1 unit/uV
    units: np.ndarray = np.array([MV_PER_UNIT[unit] * UNITS_PER_MV for unit in header.units])
    steps: np.ndarray = units / np.array(header.adc_gain)
    return steps


def _check_timing(header: Any) -> None:
    if header.fs != SAMPLING_RATE or set(header.samps_per_frame) != {1}:
        frames = "" if set(header.samps_per_frame) == {1} else " and several samples per frame"
        raise RecordRejected(Reason.WRONG_RATE, f"{header.fs} Hz{frames}, expected {SAMPLING_RATE} Hz")
    if header.sig_len != RECORD_SAMPLES:
        raise RecordRejected(Reason.WRONG_LENGTH, f"{header.sig_len} samples, expected {RECORD_SAMPLES}")


def _check_signal_files(root: Path, folder: Path, header: Any) -> None:
    """Every signal file lies in the folder, exists and holds all samples that the header announces."""
    for name in dict.fromkeys(header.file_name):
        file = _inside(root, folder, name)
        if not file.is_file():
            raise RecordRejected(Reason.MISSING_SIGNAL, f"signal file {name!r} does not exist")
        channels = [k for k, other in enumerate(header.file_name) if other == name]
        bits = RECORD_SAMPLES * sum(BITS_PER_SAMPLE[header.fmt[k]] for k in channels)
        needed = (header.byte_offset[channels[0]] or 0) + math.ceil(bits / 8)
        size = file.stat().st_size
        if size < needed:
            raise RecordRejected(Reason.TRUNCATED_SIGNAL, f"{name} has {size} bytes, needs {needed}")


def _read_digital(header_file: Path, header: Any) -> np.ndarray:
    """ADC values (1000, 12) in the file's lead order, its checksums compared, without invalid samples."""
    digital = _read_samples(header_file, header)
    # A header may leave checksums out, and some writers store them as signed numbers.
    sums = digital.sum(axis=0, dtype=np.int64) % 65536
    for lead, stated, computed in zip(header.sig_name, header.checksum, sums, strict=True):
        if stated is not None and stated % 65536 != computed:
            raise RecordRejected(Reason.CHECKSUM_MISMATCH, f"lead {lead}: {computed}, header says {stated}")
    invalid = np.array([INVALID_SAMPLE[fmt] for fmt in header.fmt])
    for lead, count in zip(header.sig_name, (digital == invalid).sum(axis=0), strict=True):
        if count:
            raise RecordRejected(Reason.INVALID_SAMPLES, f"lead {lead} has {count} invalid samples (NaN)")
    return digital


def _read_samples(header_file: Path, header: Any) -> np.ndarray:
    """ADC values (1000, 12): plain PTB-XL records directly, everything else through wfdb."""
    plain = set(header.fmt) == {"16"} and len(set(header.file_name)) == 1
    if plain:  # wfdb would parse the header again, which takes most of a record's time
        return np.fromfile(
            header_file.parent / header.file_name[0],
            dtype="<i2",
            count=RECORD_SAMPLES * header.n_sig,
            offset=header.byte_offset[0] or 0,
        ).reshape(RECORD_SAMPLES, header.n_sig)
    try:
        record = wfdb.rdrecord(str(header_file.with_suffix("")), physical=False, return_res=64)
    except PARSER_ERRORS as error:
        raise RecordRejected(Reason.TRUNCATED_SIGNAL, f"wfdb cannot read the samples: {error}") from error
    return np.asarray(record.d_signal)


def _as_int16(signal: np.ndarray, amplitude_limit_mv: float, reject_flat_leads: bool) -> np.ndarray:
    """Float units in LEADS order to int16, after the checks on the values themselves."""
    largest = np.abs(signal).max(axis=0) / UNITS_PER_MV
    for lead, value in zip(LEADS, largest, strict=True):
        if not value <= amplitude_limit_mv:  # also catches what an absurd gain produces
            raise RecordRejected(
                Reason.BEYOND_AMPLITUDE_LIMIT,
                f"lead {lead} reaches {value:.3f} mV, limit {amplitude_limit_mv:g} mV",
            )
    stored: np.ndarray = np.rint(signal).astype(np.int16)
    if reject_flat_leads:
        for lead, spread in zip(LEADS, np.ptp(stored, axis=0), strict=True):
            if spread == 0:
                raise RecordRejected(Reason.FLAT_LEAD, f"lead {lead} is constant")
    return stored
