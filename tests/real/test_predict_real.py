"""`read_any_record` and the prediction on real records: the same as the pipeline's path to the same signal."""

from pathlib import Path

import numpy as np
import pytest

from models.bundle import Classifier
from models.prediction import predict_record
from veribeat.data.any_record import read_any_record
from veribeat.data.wfdb_record import read_record

REFERENCE = Path(__file__).resolve().parents[2] / "reference" / "ptbxl"

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def names(ptbxl_root: Path) -> list[str]:
    """Every 40th of the records that the folder holds, as paths in it without extension."""
    headers = sorted(ptbxl_root.glob("records100/*/*.hea"))
    return [str(header.relative_to(ptbxl_root).with_suffix("")) for header in headers[::40]]


def test_a_record_is_predicted_as_its_stored_signal_is(ptbxl_root: Path, names: list[str]) -> None:
    classifier = Classifier.load(REFERENCE)
    assert len(names) > 400
    for name in names[::4]:
        stored = read_record(ptbxl_root.resolve(), name, 32.767, False)
        expected = classifier.probabilities((stored / 1000)[None])
        found = predict_record(classifier, read_any_record(str(ptbxl_root / name)))
        assert np.array_equal(found.probabilities, expected[0]), name
        assert found.labels == classifier.labels(expected)[0]
        assert len(found.windows) == 1


@pytest.mark.slow
def test_few_records_are_suspicious_and_none_is_said_to_be_misread(
    ptbxl_root: Path, names: list[str]
) -> None:
    classifier = Classifier.load(REFERENCE)
    warnings = [
        predict_record(classifier, read_any_record(str(ptbxl_root / name))).warnings for name in names
    ]
    kinds = {warning.split(":")[0] for found in warnings for warning in found}
    # Measured over the first 2,000: 7 %, of wander, amplitude, noise, clipping and mirrored leads.
    assert sum(map(bool, warnings)) / len(warnings) < 0.1
    assert kinds <= {
        "baseline wander",
        "large amplitude",
        "high-frequency noise",
        "clipped samples",
        "inverted lead I",
    }
