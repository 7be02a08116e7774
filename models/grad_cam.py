"""Grad-CAM as an attribution: where in time the last convolution features speak for a class.

Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks via gradient-based localization. The map is of
time alone, because the first convolution mixes the leads.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.backbones.base import Backbone
from models.selection.cam import activation_map, feature_gradients
from veribeat.attribution.base import Attribution, check_evaluating
from veribeat.errors import InputError

TOLERANCE = 1e-4
"""Relative and absolute, in logits: float32 sums in another order differ by less, another network by more."""


def grad_cam(backbone: nn.Module, signal_mv: NDArray[np.float32], classes: Sequence[int]) -> Attribution:
    """Maps of the logits `classes` of one record (1000, 12), linearly interpolated to its samples.

    Every lead has the same values, none of them negative. They do not add up to a difference of logits, there is no
    baseline, and nothing is drawn at random: baseline logits and Monte-Carlo errors are NaN.

    Raises:
        InputError: it is no `Backbone`, or the logits of the record are not `classify(features(record))`, because it
            sees the record in another way, such as in crops.
        ValueError: `backbone` is in training mode.
    """
    if not isinstance(backbone, Backbone):
        raise InputError(
            f"Grad-CAM cannot explain {type(backbone).__name__}: it needs a backbone with convolution features."
        )
    check_evaluating(backbone)
    signal = torch.from_numpy(signal_mv)[None]
    with torch.no_grad():
        features, logits = backbone.features(signal), backbone(signal)
        parts = backbone.classify(features)
    if not torch.allclose(parts, logits, rtol=TOLERANCE, atol=TOLERANCE):
        raise InputError(
            f"Grad-CAM cannot explain {type(backbone).__name__}, whose logits are not those of the convolution features"
            " of the whole record (it may see crops of it): choose another 'attribute.method' or backbone."
        )
    values = torch.empty((len(classes), *signal.shape[1:]))
    for place, index in enumerate(classes):  # one at a time: classes do not change each other's last digits
        gradients = feature_gradients(backbone, features, torch.tensor([index]))
        values[place] = _to_samples(activation_map(features, gradients, "grad_cam"), signal.shape[1]).T
    return Attribution(
        values=values.numpy(),
        logits=logits[0, list(classes)].to(torch.float64).numpy(),
        baseline_logits=np.full(len(classes), np.nan),
        monte_carlo_error=np.full(len(classes), np.nan),
        draws=1,
    )


def _to_samples(maps: Tensor, samples: int) -> Tensor:
    """Maps (B, T') to (B, samples): a feature is in the middle of the samples that it stands for."""
    return nn.functional.interpolate(maps[:, None], size=samples, mode="linear", align_corners=False)[:, 0]
