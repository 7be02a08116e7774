"""When in time a network finds its evidence for a class: a class activation map, or the size of the gradient."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.backbones.base import Backbone
from models.selection.cam import Kind, activation_map, feature_gradients
from veribeat.counterfactual.sparse import Signal
from veribeat.counterfactual.targets import Labels

Importance = Callable[[Signal, Labels], NDArray[np.floating]]


def activation(backbone: Backbone, kind: Kind) -> Importance:
    """The map of the last convolution layer, each of its times repeated for the samples that it stands for.

    Summed over the labels of the target. The map of Zhou et al. 2016, which Delaney et al. use, is `grad_cam` on a
    network that ends in an average over time.
    """

    def importance(signal_mv: Signal, target: Labels) -> NDArray[np.floating]:
        with torch.no_grad():
            features = backbone.features(torch.from_numpy(signal_mv[None]))
        total = np.zeros(features.shape[2])
        for place in np.flatnonzero(target):
            gradients = feature_gradients(backbone, features, torch.tensor([place]))
            total += activation_map(features, gradients, kind)[0].numpy()
        return np.repeat(total, -(-len(signal_mv) // len(total)))[: len(signal_mv)]

    return importance


def gradient(network: nn.Module) -> Importance:
    """|d logit / d signal|, summed over leads and over the labels of the target."""

    def importance(signal_mv: Signal, target: Labels) -> NDArray[np.floating]:
        leaf = torch.from_numpy(signal_mv[None]).clone().requires_grad_()
        logits = network(leaf)[0, torch.from_numpy(target)]
        total = np.zeros(len(signal_mv))
        for value in logits:
            (slope,) = torch.autograd.grad(value, leaf, retain_graph=True)
            total += slope[0].abs().sum(dim=1).numpy()
        return total

    return importance
