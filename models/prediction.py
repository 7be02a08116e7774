"""What a classifier says about a recording of any length: per window of 10 s, and as a whole."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bundle import Classifier
from veribeat.data.any_record import EcgRecord
from veribeat.signal.windows import Window, cut_windows


@dataclass(frozen=True)
class WindowPrediction:
    """One window with its probabilities (5,), in the order of SUPERCLASSES, and the labels that they give."""

    window: Window
    probabilities: NDArray[np.float32]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class RecordPrediction:
    """A recording: its windows, and the mean of their probabilities (5,) with the labels that it gives."""

    record: EcgRecord
    windows: tuple[WindowPrediction, ...]
    probabilities: NDArray[np.float32]
    labels: tuple[str, ...]

    @property
    def warnings(self) -> list[str]:
        """What is to be known of the recording as a whole; of several windows, how many have each kind of defect."""
        found = [str(warning) for warning in self.record.warnings]
        if len(self.windows) == 1:
            return found + [str(warning) for warning in self.windows[0].window.warnings]
        kinds: Counter[str] = Counter()
        for each in self.windows:
            kinds.update(list(dict.fromkeys(warning.kind for warning in each.window.warnings)))
        return found + [f"{kind}: in {count} of {len(self.windows)} windows" for kind, count in kinds.items()]


def predict_record(classifier: Classifier, record: EcgRecord) -> RecordPrediction:
    """The prediction for `record`, cut as `veribeat.signal.windows.cut_windows` does."""
    windows = cut_windows(record.signals_mv, record.sampling_rate, record.derived)
    each = classifier.probabilities(np.stack([window.signals_mv for window in windows]))
    mean = each.mean(axis=0)
    predictions = zip(windows, each, classifier.labels(each), strict=True)
    (labels,) = classifier.labels(mean[None])
    return RecordPrediction(record, tuple(WindowPrediction(*fields) for fields in predictions), mean, labels)
