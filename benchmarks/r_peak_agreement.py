"""How far R-peak detectors agree on real records: NeuroKit2, XQRS at three rates, the leads' vote and `find_r_peaks`.

WORKSPACE has run the stages `ingest` and `split`. No beat of PTB-XL is annotated, so the vote of all leads by both
detectors is what the others are compared with. Beats within 0.4 s of an end, where they may be cut, are not counted.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import neurokit2
import numpy as np
import pandas as pd
import wfdb.processing
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.signal import resample_poly

from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, UNITS_PER_MV
from veribeat.signal.r_peaks import END, Peaks, detections, find_r_peaks, vote

FOLDS = (8, 10)

NEAR, FAR = 5, 10
"""Samples within which two detections are of one beat, strictly and leniently; PR intervals are longer."""

SLOWEST, FASTEST = 25, 220
"""Beats per minute of a plausible rate."""

MOST_APART = 0.1
"""Share of a record's beats that may be unmatched before it counts as another rhythm."""

Signal = NDArray[np.float32]


def by_neurokit(signal_mv: Signal) -> Peaks:
    """NeuroKit2's default method on lead II."""
    clean = neurokit2.ecg_clean(signal_mv[:, LEADS.index("II")], sampling_rate=SAMPLING_RATE)
    found: Peaks = neurokit2.ecg_findpeaks(clean, sampling_rate=SAMPLING_RATE)["ECG_R_Peaks"]
    return found


def by_xqrs(rate: int) -> Callable[[Signal], Peaks]:
    """XQRS on lead II, resampled to `rate`."""
    ratio = Fraction(rate, SAMPLING_RATE)

    def detect(signal_mv: Signal) -> Peaks:
        lead = signal_mv[:, LEADS.index("II")].astype(np.float64)
        faster = resample_poly(lead, ratio.numerator, ratio.denominator)
        found = wfdb.processing.xqrs_detect(faster, fs=rate, verbose=False)
        return np.rint(np.asarray(found, dtype=np.float64) / float(ratio)).astype(np.int64)

    return detect


def by_vote(signal_mv: Signal) -> Peaks:
    """Both detectors on every lead."""
    of_leads = detections(signal_mv)
    return vote([peaks for of_lead in of_leads for peaks in of_lead.values()], len(signal_mv))


DETECTORS: dict[str, Callable[[Signal], Peaks]] = {
    "NeuroKit2, lead II": by_neurokit,
    "XQRS at 100 Hz, lead II": by_xqrs(100),
    "XQRS at 250 Hz, lead II": by_xqrs(250),
    "XQRS at 500 Hz, lead II": by_xqrs(500),
    "vote": by_vote,
    "find_r_peaks": lambda signal_mv: find_r_peaks(signal_mv).samples,
}


def unmatched(
    one: list[Peaks], other: list[Peaks], within: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Per record: beats, of both detections and away from the ends, that only one of them has; and all of them."""
    counts = []
    for pair in zip(one, other, strict=True):
        alone = total = 0
        for these, those in (pair, pair[::-1]):
            inner = these[(these >= END) & (these < RECORD_SAMPLES - END)]
            distance = np.abs(inner[:, None] - those).min(axis=1, initial=RECORD_SAMPLES)
            alone, total = alone + int((distance > within).sum()), total + len(inner)
        counts.append((alone, total))
    array = np.array(counts, dtype=np.int64)
    return array[:, 0], array[:, 1]


def agreement(one: list[Peaks], other: list[Peaks]) -> list[str]:
    """Share of beats matched by both measures, of records in which all are, and of records with another rhythm."""
    near, total = unmatched(one, other, NEAR)
    far, _ = unmatched(one, other, FAR)
    return [
        f"{1 - near.sum() / total.sum():.1%}",
        f"{1 - far.sum() / total.sum():.1%}",
        f"{(far == 0).mean():.1%}",
        f"{(far > MOST_APART * total).mean():.1%}",
    ]


def implausible(found: Peaks) -> bool:
    """Whether the rate is; taken from the intervals, because the ends cut beats off."""
    return len(found) > 1 and not SLOWEST <= 60 * SAMPLING_RATE / np.diff(found).mean() <= FASTEST


def main() -> None:
    """Detect in some records and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("--records", type=int, default=500, help="drawn from folds 8 and 10")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    options = parser.parse_args()
    signals = np.load(options.workspace / "out/ingest/signals.npy", mmap_mode="r")
    roles = pd.read_parquet(options.workspace / "out/split/roles.parquet", columns=["row", "fold"])
    candidates = roles.loc[roles["fold"].isin(FOLDS), "row"].to_numpy()
    random = np.random.default_rng(options.seed)
    drawn = np.sort(random.choice(candidates, min(options.records, len(candidates)), replace=False))
    records = [(signals[row] / UNITS_PER_MV).astype(np.float32) for row in drawn]
    found: dict[str, list[Peaks]] = {}
    table = Table(
        "", "beats", "records with < 2", f"rate < {SLOWEST} or > {FASTEST}",
        "beats within 50 ms", "within 100 ms", "records alike", f"> {MOST_APART:.0%} apart", "ms, median", "mean",
        title=f"{len(records)} records, compared with the vote of all leads; CPU time per record",
    )  # fmt: skip
    times: dict[str, NDArray[np.float64]] = {}
    for name, detect in DETECTORS.items():
        found[name], marks = [], [time.process_time()]
        for record in records:
            found[name].append(detect(record))
            marks.append(time.process_time())
        times[name] = 1000 * np.diff(marks)
    for name, peaks in found.items():
        table.add_row(
            name,
            f"{np.mean([len(one) for one in peaks]):.2f}",
            str(sum(len(one) < 2 for one in peaks)),
            str(sum(implausible(one) for one in peaks)),
            *agreement(peaks, found["vote"]),
            f"{np.median(times[name]):.1f}",
            f"{times[name].mean():.1f}",
        )
    console = Console(width=170)
    console.print(table)
    both = agreement(found["NeuroKit2, lead II"], found["XQRS at 250 Hz, lead II"])
    console.print("NeuroKit2 and XQRS at 250 Hz, the same four columns:", *both)
    sources = Counter((one.detector, one.lead) for one in map(find_r_peaks, records))
    console.print({f"{detector}, {lead}": count for (detector, lead), count in sources.most_common()})


if __name__ == "__main__":
    main()
