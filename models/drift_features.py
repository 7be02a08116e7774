"""What a trained classifier makes of records, in a few numbers that move when records are unlike those it knows.

Reference and batch go through the same function, in evaluation mode. A classifier is surer of the records that it was
trained on, so the reference of these numbers should be records that it was not trained on, such as validation's:
otherwise overfitting passes for drift.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor, nn

from models.backbones.base import Backbone
from models.bundle import Classifier
from models.inference import BATCH, to_millivolts
from models.selection.cam import Kind as CamKind
from models.selection.cam import activation_map, feature_gradients
from models.selection.focus import entropy, gini, topk_mass, topk_mean
from veribeat.attribution.base import check_evaluating
from veribeat.conventions import RECORD_SAMPLES
from veribeat.errors import InputError

OF_MAP: Final = {"topk_mean": topk_mean, "topk_mass": topk_mass, "entropy": entropy, "gini": gini}


@dataclass(frozen=True)
class FocusSettings:
    """Which map a focus is read from, as in a strategy of [ERTS]; physio and beat_coherence need beats: not here.

    The map is of the middle `crop_samples` of a record, or all of it: what a backbone is trained on. `resnet1d` is
    trained on 250, and never sees a whole record at once.
    """

    cam: CamKind = "hires_cam"
    focus: str = "topk_mass"
    layer: int = -1
    crop_samples: int | None = None


@dataclass(frozen=True)
class ModelView:
    """Of N records: `embedding` (N, D), `confidence` (N,), the largest probability, and `focus` (N,), both 0-1."""

    embedding: NDArray[np.float32]
    confidence: NDArray[np.float32]
    focus: NDArray[np.float32]


def view_records(
    classifier: Classifier,
    signals: NDArray[np.int16],
    rows: NDArray[np.integer],
    settings: FocusSettings | None = None,
) -> ModelView:
    """How the classifier sees `rows` of stored signals (N, 1000, 12), int16 units; one batch is in memory at a time.

    The embedding is what the last linear layer reads; of a backbone that cuts a record into crops, their mean. The
    focus is that of the map of the most probable superclass, because new records may have no label yet.

    Raises:
        InputError: an unknown focus, a crop longer than a record, or a backbone whose head ends with no linear layer.
        ValueError: the backbone is in training mode.
    """
    chosen = settings or FocusSettings()
    if chosen.focus not in OF_MAP:
        raise InputError(f"No focus '{chosen.focus}' for drift: choose one of {', '.join(OF_MAP)}.")
    samples = RECORD_SAMPLES if chosen.crop_samples is None else chosen.crop_samples
    if not 0 < samples <= RECORD_SAMPLES:
        raise InputError(f"'crop_samples' is {samples}, but a record has {RECORD_SAMPLES}.")
    backbone = classifier.backbone
    if not isinstance(backbone, Backbone):
        raise InputError(f"{type(backbone).__name__} has no convolution features to read a focus from.")
    check_evaluating(backbone)
    last = _last_linear(backbone)
    start = (RECORD_SAMPLES - samples) // 2
    view = ModelView(
        np.empty((len(rows), last.in_features), dtype=np.float32),
        np.empty(len(rows), dtype=np.float32),
        np.empty(len(rows), dtype=np.float32),
    )
    for first in range(0, len(rows), BATCH):
        batch = to_millivolts(signals[rows[first : first + BATCH]])
        own = slice(first, first + len(batch))
        embedding, logits = _embedded(backbone, last, batch)
        view.embedding[own] = embedding.numpy()
        view.confidence[own] = torch.sigmoid(logits.amax(dim=1)).numpy()
        crop = batch[:, start : start + samples]
        view.focus[own] = _focus(backbone, crop, logits.argmax(dim=1), chosen).numpy()
    return view


def _last_linear(backbone: Backbone) -> nn.Linear:
    head = getattr(backbone, "head", None)
    last = list(head.modules())[-1] if isinstance(head, nn.Module) else None
    if not isinstance(last, nn.Linear):
        raise InputError(f"{type(backbone).__name__} has no embedding: its head ends with no linear layer.")
    return last


@torch.no_grad()
def _embedded(backbone: Backbone, last: nn.Linear, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Embedding (B, D) and logits (B, 5) from one forward pass."""
    seen: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        logits: Tensor = backbone(batch)
    finally:
        handle.remove()
    return torch.stack(seen).mean(dim=0), logits


def _focus(backbone: Backbone, crop: Tensor, classes: Tensor, settings: FocusSettings) -> Tensor:
    with torch.no_grad():
        features = backbone.features(crop, settings.layer)
    gradients = feature_gradients(backbone, features, classes, settings.layer)
    return OF_MAP[settings.focus](activation_map(features, gradients, settings.cam))


@dataclass(frozen=True)
class EmbeddingMap:
    """From embeddings to a few numbers, as fit on reference records.

    Principal components, because each is a direction that stays the same from batch to batch, with a sign, and says how
    the records moved; what they leave is `embedding_rest`, which is large for records unlike any in the reference. The
    Mahalanobis distance would be one number, but it is smaller for the records that it was fit on: of 3,000 with 256
    features its square is so by 9 %, which would pass for drift.
    """

    pca: PCA
    scale: NDArray[np.float64]  # (D,), standard deviations of the reference, 1 where constant

    @classmethod
    def fit(cls, embedding: NDArray[np.floating], components: int = 3) -> "EmbeddingMap":
        """Fit on embeddings (N, D) of reference records; each feature counts alike.

        Raises:
            InputError: as many components as features or records, or more, or none.
        """
        if not 1 <= components < min(embedding.shape):
            raise InputError(
                f"{components} components were asked for of embeddings {embedding.shape}: give at least 1, fewer than"
                " features and records."
            )
        spread = embedding.astype(np.float64).std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        # The full decomposition has no random start, and scikit-learn fixes the signs of its components.
        return cls(PCA(components, svd_solver="full").fit(embedding / scale), scale)

    def numbers(self, embedding: NDArray[np.floating]) -> pd.DataFrame:
        """Columns embedding_1 to embedding_k, and embedding_rest, of embeddings (N, D)."""
        scaled = embedding / self.scale
        places = self.pca.transform(scaled)
        rest = np.linalg.norm(scaled - self.pca.inverse_transform(places), axis=1)
        names = [f"embedding_{k + 1}" for k in range(places.shape[1])]
        return pd.DataFrame(np.column_stack((places, rest)), columns=[*names, "embedding_rest"])


def model_features(view: ModelView, embedding_map: EmbeddingMap) -> pd.DataFrame:
    """A row per record: the embedding's numbers, confidence and focus."""
    return embedding_map.numbers(view.embedding).assign(
        confidence=view.confidence.astype(np.float64), focus=view.focus.astype(np.float64)
    )
