"""When in time a network finds its evidence for a class."""

import numpy as np
import torch
from numpy.typing import NDArray

from models.backbones.base import Backbone
from models.selection.cam import activation_map, feature_gradients
from peers.native_guide import Importance
from veribeat.counterfactual.sparse import Signal
from veribeat.counterfactual.targets import Labels


def class_activation(backbone: Backbone) -> Importance:
    """The class activation map of the last convolution layer, each of its times repeated for its samples.

    Delaney et al. use the map of Zhou et al. 2016, which needs a network that ends in an average over time. This is
    HiResCAM (Draelos and Carin 2020), which equals it there up to what is negative and also serves recurrent layers;
    summed over the labels of the target. On 20 records of the validation fold and 80 targets (`cnn_gru_flow`) Native
    Guide changed a mean share of 0.478 with it, 0.485 with Grad-CAM and 0.477 with the size of the gradient.
    """

    def importance(signal_mv: Signal, target: Labels) -> NDArray[np.floating]:
        with torch.no_grad():
            features = backbone.features(torch.from_numpy(signal_mv[None]))
        total = np.zeros(features.shape[2])
        for place in np.flatnonzero(target):
            gradients = feature_gradients(backbone, features, torch.tensor([place]))
            total += activation_map(features, gradients, "hires_cam")[0].numpy()
        return np.repeat(total, -(-len(signal_mv) // len(total)))[: len(signal_mv)]

    return importance
