"""R-peaks: two detectors on lead II where they agree, else a vote of all leads.

`benchmarks/r_peak_agreement.py` measures both detectors and the rule on real records.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product

import neurokit2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import butter, filtfilt, find_peaks, resample_poly, sosfiltfilt

from veribeat.conventions import LEADS, SAMPLING_RATE
from veribeat.signal.xqrs import find_xqrs

Peaks = NDArray[np.int64]

XQRS_RATE = 250
"""XQRS's wavelet has a width in samples that suits this rate: at 100 Hz it finds T waves, at 500 Hz it misses beats."""

MIRRORED = SAMPLING_RATE
"""Samples by which a recording is continued as its mirror image at both ends, because NeuroKit2 finds nothing in its
first 0.3 s and neither detector finds a beat that the end cuts."""

TOLERANCE = 6
"""Samples by which peaks of one beat may be apart, between detectors and leads. Of 500 real records 0.2 % then have
more than a tenth of their beats otherwise than the vote of all leads; with 8 it is 1.2 %."""

END = 40
"""Samples at each end where a beat may be missing from one of two detections: it may be cut."""

SHORTEST_RR = 25
"""Samples between voted beats; the heart beats 240 times a minute then."""

FAST_RR = 31
"""Samples between beats up to which NeuroKit2, which takes none within 0.3 s of the last, finds every second one."""

REACH = 8
"""Samples from a detected peak within which the extremum of its QRS complex is looked for."""

BASELINE = 51
"""Samples whose median is the baseline from which the extremum of a QRS complex is the farthest."""


@dataclass(frozen=True)
class RPeaks:
    """R-peaks of one recording, or the reason why there are none.

    `samples` (peaks,) ascending, each at the extremum of its QRS complex in `lead`: the positive or the negative one,
    whichever has the larger median over the beats. `detector` is neurokit2, xqrs or vote. With a `reason`, `samples`
    is empty, and `lead` and `detector` are "".
    """

    samples: Peaks
    lead: str
    detector: str
    reason: str = ""


def find_r_peaks(signal_mv: NDArray[np.float32]) -> RPeaks:
    """R-peaks of a recording (T, 12) in mV at 100 Hz, leads in the order of LEADS.

    [CF] 3.3.1 takes NeuroKit2 or XQRS "depending on signal quality". Here the quality of lead II is whether both
    detectors find the same beats there, the known index bSQI with all or nothing for a threshold:

    1. Where they do, the beats of NeuroKit2 that XQRS found, too.
    2. Otherwise each detector looks at each lead, and beats are where more than half of the 24 detections are; where
       most leads have beats by XQRS in a rhythm too fast for NeuroKit2, where more than half of XQRS's 12 are.
       Where NeuroKit2 or, failing that, XQRS found the same beats in lead II, theirs.
    3. Otherwise the voted beats, in the lead whose detection has most of them.

    The same beats: none of one detection without one of the other within 0.06 s, but for those within 0.4 s of an end.
    """
    ii = LEADS.index("II")
    (of_ii,) = detections(signal_mv[:, [ii]])
    if _same_beats(of_ii["neurokit2"], of_ii["xqrs"], len(signal_mv)):
        both = of_ii["neurokit2"][_near(of_ii["neurokit2"], of_ii["xqrs"])]
        return _placed(signal_mv, both, "II", "neurokit2")
    of_leads = detections(np.delete(signal_mv, ii, axis=1))
    of_leads.insert(ii, of_ii)
    found = {
        (lead, detector): peaks
        for lead, of_lead in zip(LEADS, of_leads, strict=True)
        for detector, peaks in of_lead.items()
    }
    beats = vote(list(found.values()), len(signal_mv))
    of_xqrs = vote([of_lead["xqrs"] for of_lead in of_leads], len(signal_mv))
    if len(of_xqrs) > 1 and np.median(np.diff(of_xqrs)) <= FAST_RR:
        beats = of_xqrs
    if not len(beats):
        moving = any(len(peaks) for peaks in found.values())
        return RPeaks(beats, "", "", "no beat that most leads show" if moving else "no peak in any lead")
    for detector, peaks in of_ii.items():
        if _same_beats(peaks, beats, len(signal_mv)):
            return _placed(signal_mv, peaks, "II", detector)
    # II first, so that it has precedence where several are best.
    best, _ = max(product(("II", *LEADS), of_ii), key=lambda key: int(_near(beats, found[key]).sum()))
    return _placed(signal_mv, beats, best, "vote")


def detections(leads_mv: NDArray[np.float32]) -> list[dict[str, Peaks]]:
    """What each detector finds in each lead of (T, leads) in mV at 100 Hz, the preferred detector first."""
    mirrored = np.pad(leads_mv.astype(np.float64), ((MIRRORED, MIRRORED), (0, 0)), mode="reflect")
    clean = cleaned(mirrored)
    ratio = Fraction(XQRS_RATE, SAMPLING_RATE)
    faster = resample_poly(mirrored, ratio.numerator, ratio.denominator)
    found = []
    for column in range(leads_mv.shape[1]):
        if np.ptp(leads_mv[:, column]) == 0:
            nothing = np.empty(0, dtype=np.int64)
            found.append({"neurokit2": nothing, "xqrs": nothing})
            continue
        by_neurokit = neurokit2.ecg_findpeaks(clean[:, column], sampling_rate=SAMPLING_RATE)["ECG_R_Peaks"]
        by_xqrs = find_xqrs(faster[:, column], XQRS_RATE)
        found.append(
            {
                "neurokit2": _within(by_neurokit, 1.0, len(leads_mv)),
                "xqrs": _within(by_xqrs, float(ratio), len(leads_mv)),
            }
        )
    return found


def cleaned(leads_mv: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `neurokit2.ecg_clean` makes of leads (T, ...) at 100 Hz: no drift below 0.5 Hz, and no hum of 50 Hz."""
    without_drift = sosfiltfilt(_high_pass(), leads_mv, axis=0)
    # The mean of two samples, one period of 50 Hz, forwards and backwards.
    without_hum: NDArray[np.float64] = filtfilt(np.ones(2), [2], without_drift, axis=0)
    return without_hum


@lru_cache(maxsize=1)
def _high_pass() -> NDArray[np.float64]:
    """NeuroKit2 designs this filter for every recording anew, which takes half of its time."""
    sections: NDArray[np.float64] = butter(5, 0.5, btype="highpass", output="sos", fs=SAMPLING_RATE)
    return sections


def _within(peaks: NDArray, steps: float, samples: int) -> Peaks:
    """Peaks of the mirrored signal, at `steps` times its rate, as samples of the recording."""
    own = np.rint(np.asarray(peaks, dtype=np.float64) / steps).astype(np.int64) - MIRRORED
    return own[(own >= 0) & (own < samples)]


def _near(peaks: Peaks, others: Peaks) -> NDArray[np.bool_]:
    """Which of `peaks` have one of `others` within the tolerance."""
    near: NDArray[np.bool_] = (np.abs(peaks[:, None] - others) <= TOLERANCE).any(axis=1)
    return near


def _same_beats(one: Peaks, other: Peaks, samples: int) -> bool:
    alone = np.concatenate([one[~_near(one, other)], other[~_near(other, one)]])
    inner = (alone >= END) & (alone < samples - END)
    return bool(_near(one, other).any() and not inner.any())


def vote(detections: list[Peaks], samples: int) -> Peaks:
    """Samples near which more than half of the detections have a peak, and more than their neighbours do."""
    support = np.zeros(samples + 2)  # one more at each end, where a beat at the very end can fall off
    for peaks in detections:
        support[1:-1] += _near(np.arange(samples), peaks)
    beats, _ = find_peaks(support, height=len(detections) / 2 + 0.5, distance=SHORTEST_RR)
    return np.asarray(beats - 1, dtype=np.int64)


def _placed(signal_mv: NDArray[np.float32], beats: Peaks, lead: str, detector: str) -> RPeaks:
    """Peaks at the extremum of each beat in `lead`."""
    own = signal_mv[:, LEADS.index(lead)].astype(np.float64)
    own -= median_filter(own, BASELINE, mode="nearest")
    around = np.clip(beats[:, None] + np.arange(-REACH, REACH + 1), 0, len(own) - 1)
    height = own[around]
    upwards = np.median(height.max(axis=1)) >= -np.median(height.min(axis=1))
    extreme = height.argmax(axis=1) if upwards else height.argmin(axis=1)
    return RPeaks(np.unique(around[np.arange(len(beats)), extreme]), lead, detector)
