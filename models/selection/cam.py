"""Class activation maps of convolution features: where in time a classifier finds its evidence."""

from typing import Literal

import torch
from torch import Tensor

from models.backbones.base import Backbone

Kind = Literal["grad_cam", "hires_cam"]


def target_logit(logits: Tensor, targets: Tensor) -> Tensor:
    """The class whose evidence is asked for, (B,): the positive label of the lowest logit; 0 where there is none."""
    return torch.where(targets > 0, logits, torch.inf).argmin(dim=1)


def feature_gradients(backbone: Backbone, features: Tensor, classes: Tensor, layer: int = -1) -> Tensor:
    """d logit / d features, (B, K, T'), for one class of each record, `classes` (B,).

    Only the part of the network above `layer` runs, forward and backward.
    """
    with torch.enable_grad():
        leaf = features.detach().requires_grad_()
        logits = backbone.classify(leaf, layer)
        # Records do not depend on each other in evaluation mode, so the gradient of the sum is that of each.
        chosen = logits.gather(1, classes[:, None]).sum()
        (gradients,) = torch.autograd.grad(chosen, leaf)
    return gradients


def activation_map(features: Tensor, gradients: Tensor, kind: Kind) -> Tensor:
    """The map (B, T'), not negative, of features and their gradients, both (B, K, T').

    grad_cam: ReLU(sum_k alpha_k A_k(t)) with alpha_k = mean_t dz/dA_k(t) (Selvaraju et al. 2017). As alpha is averaged
    over time, the map behind a recurrent layer shows the shape of A rather than where the network looks.
    hires_cam: ReLU(sum_k A_k(t) dz/dA_k(t)) (Draelos and Carin 2020), which keeps the time of the gradient.
    """
    if kind == "grad_cam":
        gradients = gradients.mean(dim=2, keepdim=True)
    return torch.relu((features.detach() * gradients).sum(dim=1)).float()
