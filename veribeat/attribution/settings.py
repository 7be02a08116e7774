"""How attributions are made: the parameters of every method."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from veribeat.attribution.draws import Draws, Sampling, make_draws

Method = Literal["expected_gradients", "shap", "integrated_gradients", "smooth_grad", "grad_cam"]

UNITS: dict[Method, str] = {
    "expected_gradients": "contribution to the logit of the row's superclass",
    "shap": "contribution to the logit of the row's superclass",
    "integrated_gradients": "contribution to the logit of the row's superclass",
    "smooth_grad": "signal times the mean gradient of the logit of the row's superclass; no sum of contributions",
    "grad_cam": "evidence for the row's superclass by time, the same in all leads; no sum of contributions",
}
"""What a value is."""

MEANINGS: dict[Method, str] = {
    "expected_gradients": "contribution to the logit of",
    "shap": "contribution to the logit of",
    "integrated_gradients": "contribution to the logit of",
    "smooth_grad": "signal times mean gradient of the logit of",
    "grad_cam": "evidence by time, the same in all leads, for",
}
"""The same in a figure, before the superclass."""


def has_leads(method: Method) -> bool:
    """Whether values differ by lead."""
    return method != "grad_cam"


@dataclass(frozen=True)
class AttributionSettings:
    """A method and all that it takes."""

    method: Method
    draws: int
    """Points at which gradients are taken, at most; `grad_cam` takes one."""
    replicates: int
    """Equal parts of the draws of `expected_gradients` and `smooth_grad`."""
    sampling: Sampling
    """Of `expected_gradients`."""
    target_error: float | None
    """Relative Monte-Carlo error at which no replicate is added; None: all draws."""
    noise: float
    """Of `smooth_grad`, as a share of the record's range."""

    def make_draws(self, backgrounds_available: int, seed: Sequence[int]) -> Draws:
        """Those of `expected_gradients` and `shap`; raises what `draws.make_draws` does."""
        return make_draws(self.draws, self.replicates, backgrounds_available, self.sampling, seed)

    def background_logits_needed(self, backgrounds_available: int, seed: Sequence[int]) -> NDArray[np.int64]:
        """The background records, ascending, whose logits the attributions of one record go into."""
        if self.method in ("expected_gradients", "shap"):
            return np.unique(self.make_draws(backgrounds_available, seed).backgrounds)
        return np.empty(0, dtype=np.int64)
