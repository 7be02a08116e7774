"""Warnings about the quality of a recording: each with one documented threshold, none of them a reason to refuse.

The thresholds are meant to be plain and rarely wrong. The shares in parentheses are of the first 2,000 records of
PTB-XL at 100 Hz, on which they were chosen: 7.1 % have a warning. Of 3,740 others, every fifth, it is 5.1 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from veribeat.conventions import LEADS, SAMPLING_RATE
from veribeat.signal.limb_leads import FROM_I_AND_II, limb_lead
from veribeat.signal.runs import longest_run

Signals = NDArray[np.float64]

FLAT_MV = 0.02
"""A lead whose extremes are closer is flat (0 %; the smallest distance in the 2,000 records is 0.205 mV)."""

CONSTANT_S = 1.0
"""A stretch of equal samples of this length is an electrode that was off (0 %; the longest is 0.34 s)."""

CLIPPED_S = 0.02
CLIPPED_MV = 0.5
"""Equal samples over this time at a lead's largest or smallest value, this far from its median, are clipped
(0.15 %)."""

LARGE_MV = 5.0
"""Beyond this amplitude an artefact is likelier than a heart (2.05 %)."""

SMALL_MV = 0.1
"""When half of the leads span less, unit or gain are likely wrong (0 %; the smallest median is 0.48 mV)."""

WANDER_HZ = 0.5
WANDER_MV = 3.0
"""Extent, from lowest to highest, of what is slower: 30 mm on paper (5.0 %; 43 % of these have a note on baseline
drift in PTB-XL's table, and 11 % of all records)."""

NOISE_HZ = 30.0
NOISE_MV = 0.02
"""Standard deviation of what is faster between QRS complexes (1.35 %; 56 % of these have a note on static noise, and
11 % of all records)."""

MAINS_HZ = (50.0, 60.0)
MAINS_MV = 0.025
MAINS_TIMES_BACKGROUND = 5.0
"""Amplitude of a line in the spectrum, and how far it stands out (0 of the 40 records at 500 Hz; at most 0.010 mV)."""

MAINS_DRIFT_HZ = 0.35
MAINS_BACKGROUND_HZ = 4.0
"""How far the mains may be off, and how far its surroundings reach."""

NORMAL_MEDIAN = 0.6745
"""Median absolute value of a normal variable with standard deviation 1."""

LIMB_LEADS_SHARE = 0.2
LIMB_LEADS_MV = 0.02
"""Root mean square of what Einthoven's and Goldberger's equations leave over, as a share of the limb leads' own (0 %;
at most 0.01)."""

MIRRORED = -0.6
"""Correlation of the slopes of leads I and V6 (0.1 %). Swapped arm electrodes turn lead I over and leave V6 alone: with
these leads exchanged in the 2,000 records, 89 % are found."""


@dataclass(frozen=True)
class QualityWarning:
    """What kind of defect, and where and how much."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


def quality_warnings(
    stored_mv: Signals, rate: float, resampled_mv: Signals, derived: frozenset[str] = frozenset()
) -> list[QualityWarning]:
    """What is suspicious about 12 leads in mV, in the order of LEADS, without NaN.

    `stored_mv` (samples, 12) is the signal at its own `rate` in Hz, which shows clipped samples, interrupted leads and
    mains interference; all else is judged on `resampled_mv` (1000, 12), the same 10 s at 100 Hz. `derived` names leads
    that were computed from I and II, whose agreement with them says nothing.
    """
    spans = np.ptp(resampled_mv, axis=0)
    flat = _where(spans, spans < FLAT_MV)
    clipped, constant = _clipped_s(stored_mv, rate), _constant_s(stored_mv, rate)
    peaks, wander, noise = np.abs(resampled_mv).max(axis=0), wander_mv(resampled_mv), noise_mv(resampled_mv)
    return [
        *_found("flat lead", flat, f"within {FLAT_MV} mV"),
        *_found(
            "interrupted lead",
            _where(constant, (constant >= CONSTANT_S) & (spans >= FLAT_MV)),
            "no change for up to {:.1f} s",
        ),
        *_found(
            "clipped samples",
            _where(clipped, clipped >= CLIPPED_S),
            "at one extreme value for up to {:.2f} s",
        ),
        *_unlikely_unit(float(np.median(spans))),
        *_found("large amplitude", _where(peaks, peaks > LARGE_MV), "up to {:.1f} mV"),
        *_found("baseline wander", _where(wander, wander > WANDER_MV), "up to {:.1f} mV"),
        *_found("high-frequency noise", _where(noise, noise > NOISE_MV), "up to {:.3f} mV"),
        *_mains(stored_mv, rate),
        *_limb_leads(resampled_mv, derived),
        *_arm_electrodes(resampled_mv),
    ]


def _where(values: Signals, suspicious: NDArray[np.bool_]) -> dict[str, float]:
    """The values (12,) of the suspicious leads, by name."""
    return {LEADS[k]: float(values[k]) for k in np.flatnonzero(suspicious)}


def _found(kind: str, leads: Mapping[str, float], worst: str) -> list[QualityWarning]:
    """One warning that names the leads, with the largest value put into the words `worst`; none without leads."""
    if not leads:
        return []
    return [QualityWarning(kind, f"{', '.join(leads)}, {worst.format(max(leads.values()))}")]


def _constant_s(signals: Signals, rate: float) -> NDArray[np.float64]:
    """The longest time without change per lead, in s."""
    unchanged = np.diff(signals, axis=0) == 0
    return np.array([longest_run(lead).length / rate for lead in unchanged.T])


def _clipped_s(signals: Signals, rate: float) -> NDArray[np.float64]:
    """The longest time at the extreme value that lies far from the median, per lead, in s."""
    return np.array(
        [max(_time_at(lead, extreme, rate) for extreme in (lead.min(), lead.max())) for lead in signals.T]
    )


def _time_at(lead: Signals, extreme: float, rate: float) -> float:
    run = longest_run(lead == extreme).length
    # From the first sample to the last: one sample alone is a peak.
    return (run - 1) / rate if run and abs(extreme - np.median(lead)) > CLIPPED_MV else 0.0


def wander_mv(signals: Signals) -> Signals:
    """Extent, (..., 12) in mV, of what is slower than WANDER_HZ in signals (..., samples, 12) in mV at 100 Hz."""
    slow = sosfiltfilt(
        butter(2, WANDER_HZ, "low", fs=SAMPLING_RATE, output="sos"),
        signals,
        axis=-2,
        padlen=3 * SAMPLING_RATE,
    )
    extent: Signals = np.ptp(slow, axis=-2)
    return extent


def noise_mv(signals: Signals) -> Signals:
    """Deviation, (..., 12) in mV, of what is faster than NOISE_HZ in signals (..., samples, 12) in mV at 100 Hz."""
    fast = sosfiltfilt(
        butter(4, NOISE_HZ, "high", fs=SAMPLING_RATE, output="sos"),
        signals,
        axis=-2,
        padlen=3 * SAMPLING_RATE,
    )
    # The median, because QRS complexes are fast, too, but take less than half of the time.
    deviation: Signals = np.median(np.abs(fast), axis=-2) / NORMAL_MEDIAN
    return deviation


def _unlikely_unit(median_span: float) -> list[QualityWarning]:
    if median_span >= SMALL_MV:
        return []
    return [
        QualityWarning(
            "unlikely unit",
            f"half of the leads span {median_span:.2g} mV at most; check unit and gain in the header",
        )
    ]


def _mains(signals: Signals, rate: float) -> list[QualityWarning]:
    """Mains interference at the frequencies of MAINS_HZ that the rate can show with their surroundings."""
    window = np.hanning(len(signals))[:, None]
    spectrum = np.abs(np.fft.rfft((signals - signals.mean(axis=0)) * window, axis=0)) * 2 / window.sum()
    frequencies = np.fft.rfftfreq(len(signals), 1 / rate)
    warnings = []
    for mains in MAINS_HZ:
        distance = np.abs(frequencies - mains)
        if mains + MAINS_BACKGROUND_HZ > rate / 2:
            continue
        line = spectrum[distance < MAINS_DRIFT_HZ].max(axis=0)
        background = np.median(spectrum[(distance > 1) & (distance < MAINS_BACKGROUND_HZ)], axis=0)
        leads = _where(line, (line > MAINS_MV) & (line > MAINS_TIMES_BACKGROUND * background))
        warnings += _found(
            "mains interference", leads, f"{mains:g} Hz with up to {{:.3f}} mV; removed before the classifier"
        )
    return warnings


def _limb_leads(signals: Signals, derived: frozenset[str]) -> list[QualityWarning]:
    lead_i, lead_ii = signals[:, LEADS.index("I")], signals[:, LEADS.index("II")]
    differing = {}
    for name in FROM_I_AND_II:
        if name in derived:
            continue
        lead = signals[:, LEADS.index(name)]
        rest = _rms(lead - limb_lead(name, lead_i, lead_ii))
        if rest > max(LIMB_LEADS_MV, LIMB_LEADS_SHARE * _rms(signals[:, :3])):
            differing[name] = rest
    return _found(
        "inconsistent limb leads",
        differing,
        "up to {:.2f} mV from what I and II imply; swapped or mislabelled?",
    )


def _rms(signals: Signals) -> float:
    return float(np.sqrt(np.mean(np.square(signals))))


def _arm_electrodes(signals: Signals) -> list[QualityWarning]:
    slopes_i, slopes_v6 = (np.diff(signals[:, LEADS.index(name)]) for name in ("I", "V6"))
    size = _rms(slopes_i) * _rms(slopes_v6)
    if not size or np.mean(slopes_i * slopes_v6) / size > MIRRORED:
        return []
    return [QualityWarning("inverted lead I", "it mirrors V6; are the arm electrodes swapped?")]
