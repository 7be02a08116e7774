"""The same attributions through shap's GradientExplainer: the reference that ours is held to.

shap takes no draws: it seeds numpy's global generator and draws a background record and an alpha in turn. So the draws
are made as shap will make them (`make_draws` with `random` sampling), and shap gets their seed. The explainer is shap's
own but for one thing: its constructor applies the network to all background records at once, with what a backward pass
needs, only to count the outputs. It is built on the first record, and then shown all of them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from shap import GradientExplainer
from torch import Tensor, nn

from veribeat.attribution.base import Attribution, Background, class_logits
from veribeat.attribution.draws import Draws
from veribeat.attribution.replicates import relative_error
from veribeat.errors import InputError


class _OneLogit(nn.Module):
    """Of the logits (B, classes) the one of a class: (B, 1). shap explains all outputs of what it is given."""

    def __init__(self, model: nn.Module, place: int) -> None:
        super().__init__()
        self.model = model
        self.place = place

    def forward(self, signals: Tensor) -> Tensor:
        logits: Tensor = self.model(signals)[:, self.place : self.place + 1]
        return logits


def shap_gradients(
    model: nn.Module,
    signal_mv: NDArray[np.float32],
    background: Background,
    classes: Sequence[int],
    draws: Draws,
    batch: int,
) -> Attribution:
    """Attribute the logits `classes` of one record (1000, 12), as `expected_gradients` does, by shap.

    The Monte-Carlo error comes from the spread of all draws instead of that of replicates. Not for several threads at
    a time: shap draws from numpy's global generator, which is left in another state.

    Raises:
        InputError: the draws are not random ones.
    """
    if draws.shap_seed is None:
        raise InputError(
            "shap cannot take stratified or antithetic draws: choose 'random' sampling, or 'expected_gradients'."
        )
    signal = torch.from_numpy(signal_mv)[None]
    signals = torch.from_numpy(background.whole_mv())
    count = len(draws.alphas)
    values = np.empty((len(classes), *signal_mv.shape))
    variances = np.empty_like(values)
    for place, index in enumerate(classes):
        explainer = GradientExplainer(_OneLogit(model, index), signals[:1], batch_size=batch)
        explainer.explainer.data = explainer.explainer.model_inputs = [signals]
        found, spreads = explainer.shap_values(
            signal, nsamples=count, rseed=draws.shap_seed, return_variances=True
        )
        values[place] = found[0, ..., 0]
        # what shap calls the variance of the mean is the variance of a draw over the root of their number
        variances[place] = spreads[0][0] / np.sqrt(count) * (count / (count - 1))
    return Attribution(
        values=values.astype(np.float32),
        logits=class_logits(model, signal_mv, classes),
        baseline_logits=background.logits[draws.backgrounds][:, list(classes)].mean(axis=0, dtype=np.float64),
        monte_carlo_error=relative_error(variances, values),
        draws=count,
    )
