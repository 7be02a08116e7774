"""What a training costs, counted in passes through the network."""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from models.backbones.base import Backbone
from veribeat.conventions import LEADS

BACKWARD = 2
"""A backward pass is two forward passes: one product for the inputs' gradient, one for the weights'."""


@dataclass
class Cost:
    """Records that went through each kind of pass, of crops of one length; validation is not counted.

    A map's gradient runs through the part of the network above its features alone: `share_above` of the multiplications
    of a forward pass, once forward again and once backward.
    """

    records: int  # of the training set
    share_above: float = 0.0
    trained: int = 0
    scored: int = 0
    mapped: int = 0

    @property
    def effective_epochs(self) -> float:
        """Records trained on over those there are."""
        return self.trained / self.records

    @property
    def forward_equivalents(self) -> float:
        """Forward passes of one record: training, scoring and maps together, a backward pass counted as two."""
        return (1 + BACKWARD) * (self.trained + self.share_above * self.mapped) + self.scored

    def state(self) -> dict[str, float]:
        """The counts, for a checkpoint."""
        return asdict(self)


@torch.no_grad()
def share_above(backbone: Backbone, layer: int, samples: int) -> float:
    """Share of a forward pass's multiplications that come after the features of `layer`, for crops of `samples`."""
    counts = {"below": 0, "above": 0}
    part = "below"

    def count(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor | tuple[Tensor, ...]) -> None:
        first = outputs[0] if isinstance(outputs, tuple) else outputs
        counts[part] += _multiplications(module, inputs[0], first)

    hooks = [module.register_forward_hook(count) for module in backbone.modules()]
    training = backbone.training
    backbone.eval()
    features = backbone.features(torch.zeros(1, samples, len(LEADS)), layer)
    part = "above"
    backbone.classify(features, layer)
    backbone.train(training)
    for hook in hooks:
        hook.remove()
    return counts["above"] / (counts["above"] + counts["below"])


def _multiplications(module: nn.Module, inputs: Tensor, outputs: Tensor) -> int:
    if isinstance(module, nn.Conv1d):
        return outputs.numel() * module.in_channels // module.groups * module.kernel_size[0]
    if isinstance(module, nn.Linear):
        return outputs.numel() * module.in_features
    if isinstance(module, nn.GRU):
        gates = 3 * module.hidden_size
        return inputs.shape[0] * inputs.shape[1] * gates * (module.input_size + module.hidden_size)
    return 0
