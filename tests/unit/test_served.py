"""The served classifier: what it accepts, and that it says what the pipeline says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.backbones.registry import build_backbone
from models.bundle import Classifier
from models.inference import predict_probabilities
from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, SUPERCLASSES
from veribeat.errors import InputError

DESCRIPTION = {
    "backbone": "cnn_gru_flow",
    "classes": list(SUPERCLASSES),
    "leads": list(LEADS),
    "record_samples": RECORD_SAMPLES,
    "sampling_rate": SAMPLING_RATE,
    "thresholds": {"NORM": 0.45, "MI": 0.48, "STTC": 0.5, "CD": 0.0, "HYP": 1.0},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    torch.manual_seed(3)
    torch.save(build_backbone("cnn_gru_flow").state_dict(), folder / "model.pt")
    (folder / "classifier.json").write_text(json.dumps(DESCRIPTION))
    return folder


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Classifier:
    return Classifier.load(folder)


@pytest.fixture(scope="module")
def stored() -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-2000, 2000, (6, RECORD_SAMPLES, len(LEADS)), dtype=np.int16)


def with_description(folder: Path, tmp_path: Path, **changes: object) -> Path:
    (tmp_path / "model.pt").write_bytes((folder / "model.pt").read_bytes())
    (tmp_path / "classifier.json").write_text(json.dumps({**DESCRIPTION, **changes}))
    return tmp_path


def test_probabilities_are_those_of_the_pipeline(classifier: Classifier, stored: NDArray[np.int16]) -> None:
    expected = predict_probabilities(classifier.backbone, stored, np.arange(len(stored)))
    served = classifier.probabilities(stored / 1000)
    assert served.dtype == np.float32
    assert np.array_equal(served, expected)
    assert len(np.unique(served)) > 20  # a constant would be equal, too


def test_no_records_give_no_probabilities(classifier: Classifier) -> None:
    assert classifier.probabilities(np.empty((0, 1000, 12))).shape == (0, 5)
    assert classifier.labels(np.empty((0, 5))) == []


def test_a_label_is_given_from_its_threshold_on(classifier: Classifier) -> None:
    at = [0.45, 0.48, 0.5, 0.0, 1.0]
    below = [np.nextafter(t, 0) for t in at]
    assert classifier.labels([at, below]) == [SUPERCLASSES, ("CD",)]


@given(values=st.lists(st.floats(0, 1), min_size=5, max_size=5))
@settings(max_examples=50, deadline=None)
def test_thresholds_belong_to_their_class_by_name(values: list[float], folder: Path) -> None:
    by_name = dict(zip(SUPERCLASSES, values, strict=True))
    shuffled = {name: by_name[name] for name in sorted(SUPERCLASSES)}
    (folder.parent / "shuffled").mkdir(exist_ok=True)
    target = with_description(folder, folder.parent / "shuffled", thresholds=shuffled)
    assert Classifier.load(target).thresholds == tuple(values)


@pytest.mark.parametrize(
    ("signals", "sentence"),
    [
        (np.zeros((1000, 12)), "shape"),
        (np.zeros((2, 12, 1000)), "shape"),
        (np.zeros((2, 500, 12)), "shape"),
        (np.zeros((2, 1000, 12), dtype=np.int16), "int16"),
        (np.zeros((2, 1000, 12), dtype=complex), "complex"),
    ],
)
def test_refuses_arrays_of_another_kind(classifier: Classifier, signals: NDArray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        classifier.probabilities(signals)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 33.0, -1200.0])
def test_refuses_values_that_cannot_be_millivolts_and_names_the_record(
    classifier: Classifier, value: float
) -> None:
    signals = np.zeros((3, 1000, 12), dtype=np.float32)
    signals[2, 999, 11] = value
    with pytest.raises(InputError, match="Record 2 "):
        classifier.probabilities(signals)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": list(reversed(SUPERCLASSES))}, "'classes'"),
        ({"leads": [*LEADS[1:], LEADS[0]]}, "'leads'"),
        ({"sampling_rate": 500}, "'sampling_rate'"),
        ({"record_samples": None}, "'record_samples'"),
        ({"backbone": 3}, "'backbone'"),
        ({"backbone": "../cnn_gru_flow"}, "Unknown backbone"),
        ({"thresholds": {**DESCRIPTION["thresholds"], "MI": 1.5}}, "MI"),  # type: ignore[dict-item]
        ({"thresholds": {**DESCRIPTION["thresholds"], "MI": float("nan")}}, "MI"),  # type: ignore[dict-item]
        ({"thresholds": {**DESCRIPTION["thresholds"], "MI": True}}, "MI"),  # type: ignore[dict-item]
        ({"thresholds": {"MI": 0.5}}, "one number for each"),
        ({"thresholds": [0.5] * 5}, "one number for each"),
    ],
)
def test_refuses_a_description_for_something_else(
    folder: Path, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        Classifier.load(with_description(folder, tmp_path, **changes))


@pytest.mark.parametrize("text", ["", "[]", "{", '"model"', "\xff"])
def test_refuses_a_damaged_description(folder: Path, tmp_path: Path, text: str) -> None:
    with_description(folder, tmp_path)
    (tmp_path / "classifier.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"classifier\.json"):
        Classifier.load(tmp_path)


def test_names_the_missing_file(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"classifier\.json"):
        Classifier.load(tmp_path)
    with_description(folder, tmp_path)
    (tmp_path / "model.pt").unlink()
    with pytest.raises(InputError, match=r"model\.pt"):
        Classifier.load(tmp_path)


def test_refuses_weights_that_would_run_code(folder: Path, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "ran"),)  # type: ignore[return-value]

    with_description(folder, tmp_path)
    torch.save({"weight": Payload()}, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt"):
        Classifier.load(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_serving_needs_neither_lightning_nor_the_pipeline() -> None:
    heavy = "{'pytorch_lightning', 'mlflow', 'tasks', 'flows', 'prefect', 'sklearn', 'pandas'}"
    code = f"import sys, models.bundle; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
