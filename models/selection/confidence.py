"""How sure a classifier is of the labels that a record has."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

Kind = Literal["joint", "mean"]


def label_confidence(logits: Tensor, targets: Tensor, kind: Kind) -> Tensor:
    """Confidence of each record's label set, (B,) in [0, 1], of logits and 0/1 targets, both (B, C).

    joint: exp(-sum_c BCE_c), the probability of all labels together, which for one label is that of the true class, as
    in the released script of [ERTS]. mean: exp(-mean_c BCE_c), the geometric mean over labels: with five labels a joint
    confidence below 0.3 is what an average of 0.79 per label gives, so that few records ever pass a limit of 0.3.
    """
    losses = binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    return torch.exp(-(losses.sum(dim=1) if kind == "joint" else losses.mean(dim=1)))
