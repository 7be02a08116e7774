"""What recordings look like in numbers, by themselves and to a classifier."""

import numpy as np
import pytest
import torch

from models.backbones.registry import build_backbone
from models.bundle import Classifier
from models.drift_features import EmbeddingMap, FocusSettings, model_features, view_records
from veribeat.conventions import SUPERCLASSES
from veribeat.drift.features import SIGNAL_FEATURES, heart_rate, signal_features
from veribeat.errors import InputError

SECONDS = np.arange(1000) / 100


def beats(rate: float, height_mv: float = 1.0) -> np.ndarray:
    """A lead (1000,) with narrow peaks so many times a minute."""
    phase = (SECONDS + 0.3) % (60 / rate)
    return height_mv * np.exp(-(((phase - 0.2) / 0.02) ** 2) / 2) + 0.2 * height_mv * np.exp(
        -(((phase - 0.45) / 0.05) ** 2) / 2
    )


def stored(lead_mv: np.ndarray) -> np.ndarray:
    return np.rint(1000 * np.repeat(lead_mv[None, :, None], 12, axis=2)).astype(np.int16)


@pytest.mark.parametrize("rate", [50, 75, 110])
def test_the_heart_rate_is_that_of_the_beats(rate: float) -> None:
    assert heart_rate(beats(rate)) == pytest.approx(rate, rel=0.03)


def test_no_beats_have_no_rate() -> None:
    assert np.isnan(heart_rate(np.zeros(1000)))


def test_each_number_feels_its_own_fault() -> None:
    plain = beats(70)
    signals = np.concatenate(
        [
            stored(lead)
            for lead in (
                plain,
                1.7 * plain,
                plain + 0.1 * np.sin(2 * np.pi * 45 * SECONDS),
                plain + np.sin(2 * np.pi * 0.2 * SECONDS),
            )
        ]
    )
    own, gain, noise, wander = signal_features(signals, np.arange(4)).to_dict("records")
    assert gain["amplitude_mv"] == pytest.approx(1.7 * own["amplitude_mv"], rel=0.01)
    assert noise["noise_mv"] > 0.05 > 10 * own["noise_mv"]
    assert wander["wander_mv"] == pytest.approx(2, rel=0.1)
    assert all(one["heart_rate"] == pytest.approx(70, rel=0.03) for one in (own, gain, noise, wander))


def test_rows_are_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = np.random.default_rng(0).normal(0, 300, (5, 1000, 12)).astype(np.int16)
    whole = signal_features(signals, np.array([4, 0, 2]))
    monkeypatch.setattr("veribeat.drift.features.CHUNK", 2)
    np.testing.assert_array_equal(whole, signal_features(signals, np.array([4, 0, 2])))
    assert whole.columns.tolist() == list(SIGNAL_FEATURES)
    assert len(signal_features(signals, np.array([], dtype=int))) == 0


def test_other_signals_are_refused() -> None:
    for wrong in (np.zeros((1, 1000, 12)), np.zeros((1, 500, 12), dtype=np.int16)):
        with pytest.raises(InputError, match="is expected"):
            signal_features(wrong, np.array([0]))


def classifier(name: str) -> Classifier:
    torch.manual_seed(0)
    return Classifier(build_backbone(name).eval(), (0.5,) * len(SUPERCLASSES), name)


SIGNALS = np.random.default_rng(1).normal(0, 300, (6, 1000, 12)).astype(np.int16)


@pytest.mark.parametrize(("name", "crop"), [("cnn_gru_flow", None), ("resnet1d", 250)])
def test_a_view_is_of_what_the_classifier_sees(name: str, crop: int | None) -> None:
    model = classifier(name)
    view = view_records(model, SIGNALS, np.array([5, 1]), FocusSettings(crop_samples=crop))
    probabilities = model.probabilities(SIGNALS[[5, 1]] / np.float32(1000))
    np.testing.assert_allclose(view.confidence, probabilities.max(axis=1), rtol=1e-5)
    assert view.embedding.shape == (2, {"cnn_gru_flow": 32, "resnet1d": 256}[name])
    assert ((view.focus >= 0) & (view.focus <= 1)).all()
    if name == "cnn_gru_flow":  # one pass over the whole record, so the head's last layer gives its logits
        logits = model.backbone.head[-1](torch.from_numpy(view.embedding)).detach()  # type: ignore[index, union-attr]
        np.testing.assert_allclose(torch.sigmoid(logits).amax(dim=1), view.confidence, rtol=1e-5)


def test_views_that_cannot_be_had_are_refused() -> None:
    rows = np.array([0])
    with pytest.raises(InputError, match="choose one of"):
        view_records(classifier("cnn_gru_flow"), SIGNALS, rows, FocusSettings(focus="physio"))
    with pytest.raises(InputError, match="crop_samples"):
        view_records(classifier("cnn_gru_flow"), SIGNALS, rows, FocusSettings(crop_samples=1001))
    with pytest.raises(InputError, match="no convolution features"):
        view_records(Classifier(torch.nn.Linear(1, 1), (0.5,) * 5, "none"), SIGNALS, rows)
    training = classifier("cnn_gru_flow")
    training.backbone.train()
    with pytest.raises(ValueError, match="evaluation mode"):
        view_records(training, SIGNALS, rows)


def test_components_are_of_the_reference_and_keep_their_sign() -> None:
    random = np.random.default_rng(2)
    directions = random.normal(size=(2, 20))
    reference = random.normal(size=(400, 2)) * (5, 3) @ directions + random.normal(0, 0.1, (400, 20))
    reference[:, 7] = 1.0  # a unit that is never active
    own = EmbeddingMap.fit(reference, 2)
    numbers = own.numbers(reference)
    assert numbers.columns.tolist() == ["embedding_1", "embedding_2", "embedding_rest"]
    np.testing.assert_allclose(numbers.iloc[:, :2].mean(), 0, atol=1e-9)
    again = EmbeddingMap.fit(reference[::-1], 2).numbers(reference)
    np.testing.assert_allclose(numbers, again, atol=1e-6)
    strange = own.numbers(reference[:50] + random.normal(0, 3, (50, 20)))["embedding_rest"]
    assert strange.min() > numbers["embedding_rest"].max()


def test_more_components_than_features_are_refused() -> None:
    for components in (0, 3):
        with pytest.raises(InputError, match="fewer than"):
            EmbeddingMap.fit(np.zeros((10, 3)), components)


def test_features_of_a_model_are_a_row_per_record() -> None:
    view = view_records(classifier("cnn_gru_flow"), SIGNALS, np.arange(6))
    table = model_features(view, EmbeddingMap.fit(view.embedding, 2))
    assert table.columns.tolist() == ["embedding_1", "embedding_2", "embedding_rest", "confidence", "focus"]
    assert len(table) == 6
