"""Numbers that are watched for drift: one row per record, whatever comes with it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from models import drift_features
from models.backbones.registry import build_backbone
from models.bundle import Classifier
from models.drift_features import COMPONENTS, ModelFeatures
from models.selection.cam import activation_map, feature_gradients
from models.selection.focus import topk_mass
from veribeat.drift.features import signal_features
from veribeat.errors import InputError
from veribeat.simulation.cohort import Cohort

COLUMNS = [*(f"embedding_{k}" for k in range(1, COMPONENTS + 1)), "confidence", "focus"]


@pytest.fixture(scope="module")
def signals(noisy: Cohort) -> np.ndarray:
    return (noisy.signals[:24] / 1000).astype(np.float32)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Untrained, in evaluation mode, as one that is loaded from a folder."""
    torch.manual_seed(3)
    backbone = build_backbone("cnn_gru_flow")
    backbone.normalise.set_statistics(0.0, 0.25)
    return Classifier(backbone.eval(), (0.5,) * 5, "cnn_gru_flow")


@pytest.fixture(scope="module")
def model(classifier: Classifier, signals: np.ndarray) -> ModelFeatures:
    return ModelFeatures.fit(classifier, signals)


def test_there_is_a_row_per_record(model: ModelFeatures, signals: np.ndarray) -> None:
    found = model.of(signals)
    assert list(found.columns) == COLUMNS
    assert len(found) == len(signals)
    assert np.isfinite(found.to_numpy()).all()
    assert found["confidence"].between(0, 1).all()
    assert found["focus"].between(0, 1).all()
    assert model.of(signals[:0]).shape == (0, len(COLUMNS))


def test_the_same_records_have_the_same_numbers(
    model: ModelFeatures, classifier: Classifier, signals: np.ndarray
) -> None:
    pd.testing.assert_frame_equal(model.of(signals), model.of(signals), check_exact=True)
    again = ModelFeatures.fit(classifier, signals)
    pd.testing.assert_frame_equal(model.of(signals), again.of(signals), check_exact=True)


def test_a_record_is_the_same_whatever_comes_with_it(
    model: ModelFeatures, signals: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model.of(signals)
    monkeypatch.setattr(drift_features, "BATCH", 7)
    pd.testing.assert_frame_equal(model.of(signals), whole, atol=1e-5)
    order = np.random.default_rng(1).permutation(len(signals))
    pd.testing.assert_frame_equal(
        model.of(signals[order]), whole.iloc[order].reset_index(drop=True), atol=1e-5
    )


def test_confidence_and_focus_are_those_of_the_most_probable_superclass(
    model: ModelFeatures, classifier: Classifier, signals: np.ndarray
) -> None:
    found = model.of(signals)
    probabilities = classifier.probabilities(signals)
    np.testing.assert_allclose(found["confidence"], probabilities.max(axis=1), atol=1e-6)
    backbone, batch = build_backbone("cnn_gru_flow"), torch.from_numpy(signals)
    backbone.load_state_dict(classifier.backbone.state_dict())
    backbone.eval()
    with torch.no_grad():
        features = backbone.features(batch)
    classes = torch.from_numpy(probabilities.argmax(axis=1))
    maps = activation_map(features, feature_gradients(backbone, features, classes), "hires_cam")
    np.testing.assert_allclose(found["focus"], topk_mass(maps).numpy(), atol=1e-5)


def test_directions_are_those_in_which_the_known_records_differ_most(
    model: ModelFeatures, signals: np.ndarray
) -> None:
    found = model.of(signals)[COLUMNS[:COMPONENTS]].to_numpy()
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    spread = found.var(axis=0)
    assert list(spread) == sorted(spread, reverse=True)
    assert abs(np.corrcoef(found.T)[0, 1]) < 1e-4


def test_too_few_records_or_another_model_are_refused(classifier: Classifier, signals: np.ndarray) -> None:
    with pytest.raises(InputError, match="too few"):
        ModelFeatures.fit(classifier, signals[: COMPONENTS - 1])
    other = Classifier(torch.nn.Linear(1, 1), (0.5,) * 5, "linear")
    with pytest.raises(InputError, match="no convolution features"):
        ModelFeatures.fit(other, signals)


def test_gain_shows_in_the_amplitude_and_nowhere_else(signals: np.ndarray) -> None:
    before, after = signal_features(signals), signal_features(2 * signals)
    assert list(before.columns) == ["amplitude", "noise", "heart_rate"]
    np.testing.assert_allclose(after["amplitude"] - before["amplitude"], np.log(2), atol=0.01)
    np.testing.assert_allclose(after["heart_rate"], before["heart_rate"], rtol=0.02)


def test_signal_features_do_not_depend_on_other_records(
    signals: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = signal_features(signals)
    parts = [signal_features(signals[first : first + 5]) for first in range(0, len(signals), 5)]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
    assert len(signal_features(signals[:0])) == 0


def test_without_beats_there_is_no_heart_rate() -> None:
    found = signal_features(np.zeros((1, 1000, 12), dtype=np.float32))
    assert np.isnan(found["heart_rate"][0])
    assert np.isfinite(found[["amplitude", "noise"]].to_numpy()).all()


def test_a_regular_rhythm_has_its_rate() -> None:
    time = np.arange(1000)
    beat = np.exp(-(((time % 80) - 20) ** 2) / 6)
    signal = np.repeat(beat[:, None], 12, axis=1).astype(np.float32)[None]
    assert signal_features(signal)["heart_rate"][0] == pytest.approx(75)


def test_a_classifier_of_a_folder_can_be_watched(
    classifier: Classifier, signals: np.ndarray, tmp_path: Path
) -> None:
    """`Classifier.load` gives a Backbone, which is what is asked for."""
    torch.save(classifier.backbone.state_dict(), tmp_path / "model.pt")
    from models.inference import load_backbone

    loaded = Classifier(
        load_backbone("cnn_gru_flow", tmp_path / "model.pt"), classifier.thresholds, "cnn_gru_flow"
    )
    pd.testing.assert_frame_equal(
        ModelFeatures.fit(loaded, signals).of(signals), ModelFeatures.fit(classifier, signals).of(signals)
    )
