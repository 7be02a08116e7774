"""Numbers per record that are watched for drift, from what a classifier makes of its signal."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import nn

from models.backbones.base import Backbone
from models.bundle import Classifier
from models.inference import BATCH
from models.selection.cam import activation_map, feature_gradients
from models.selection.focus import topk_mass
from veribeat.errors import InputError

COMPONENTS = 3
"""Of the embedding: each is a test, and every test makes the others less sensitive."""


@dataclass(frozen=True)
class ModelFeatures:
    """A classifier, and the directions in which its embeddings of the records learnt from differ most."""

    classifier: Classifier
    components: PCA

    @classmethod
    def fit(cls, classifier: Classifier, signals_mv: NDArray[np.float32]) -> "ModelFeatures":
        """With the directions of these records (N, 1000, 12) in mV; InputError for fewer than COMPONENTS."""
        if len(signals_mv) < COMPONENTS:
            raise InputError(f"{len(signals_mv)} records are too few to know how embeddings spread.")
        embeddings, _, _ = _seen(_backbone(classifier), signals_mv)
        return cls(classifier, PCA(COMPONENTS, svd_solver="full").fit(embeddings))

    def of(self, signals_mv: NDArray[np.float32]) -> pd.DataFrame:
        """A row for each of the records (N, 1000, 12) in mV.

        Columns: embedding_1 .. embedding_3, the last convolution features averaged over time, in the directions of
        `fit`; confidence, the largest probability; focus, the share of the activation map of the most probable
        superclass in its top tenth (`selection.focus.topk_mass` of HiResCAM).
        """
        embeddings, confidence, focus = _seen(_backbone(self.classifier), signals_mv)
        projected = self.components.transform(embeddings) if len(embeddings) else np.empty((0, COMPONENTS))
        columns = {f"embedding_{number}": values for number, values in enumerate(projected.T, start=1)}
        return pd.DataFrame({**columns, "confidence": confidence, "focus": focus})


def _backbone(classifier: Classifier) -> Backbone:
    backbone: nn.Module = classifier.backbone
    if not isinstance(backbone, Backbone):
        raise InputError(f"{type(backbone).__name__} has no convolution features to watch.")
    return backbone


def _seen(
    backbone: Backbone, signals_mv: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Embeddings (N, K), confidences (N,) and focus scores (N,)."""
    parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for start in range(0, len(signals_mv), BATCH):
        signals = torch.from_numpy(np.ascontiguousarray(signals_mv[start : start + BATCH]))
        with torch.no_grad():
            features, logits = backbone.features(signals), backbone(signals)
        gradients = feature_gradients(backbone, features, logits.argmax(dim=1))
        focus = topk_mass(activation_map(features, gradients, "hires_cam"))
        parts.append((features.mean(dim=2), torch.sigmoid(logits).amax(dim=1), focus))
    if not parts:
        return np.empty((0, 0)), np.empty(0), np.empty(0)
    embeddings, confidence, scores = (
        torch.cat(columns).to(torch.float64).numpy() for columns in zip(*parts, strict=True)
    )
    return embeddings, confidence, scores
