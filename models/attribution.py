"""Every attribution method behind one call."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from models.compiled.network import with_compiled_parts
from models.grad_cam import grad_cam
from veribeat.attribution.base import Attribution, Background, batch_size
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.attribution.integrated_gradients import integrated_gradients
from veribeat.attribution.settings import AttributionSettings, Method
from veribeat.attribution.smooth_grad import smooth_grad


def attribute_record(
    model: nn.Module,
    signal_mv: NDArray[np.float32],
    background: Background,
    classes: Sequence[int],
    settings: AttributionSettings,
    seed: Sequence[int],
) -> Attribution:
    """Attribute the logits `classes` of one record by the method of `settings`.

    Args:
        model: in evaluation mode, from signals in mV (B, 1000, 12) to logits (B, 5). Parts of it are compiled for the
            methods that take gradients at many points; shap, the reference, gets the model as it is.
        signal_mv: the record, (1000, 12).
        background: what `expected_gradients` and `shap` draw from, with the logits that
            `settings.background_logits_needed` names. The baseline of `integrated_gradients` is its mean: the same
            population, where 0 mV in all leads is a recording that does not exist. Others do not look at it.
        classes: the k classes that are asked for.
        settings: the method and its parameters.
        seed: of this record, such as (seed, ecg_id): nothing else is random.

    Raises:
        InputError: settings that do not fit together, or a model that the method cannot explain.
        ValueError: `model` is in training mode.
    """
    faster = with_compiled_parts(model)
    # Draws may stop after any replicate where there is a target: no batch then straddles two.
    stops = settings.target_error is not None
    batch = batch_size(settings.draws // settings.replicates if stops else settings.draws)
    match settings.method:
        case "grad_cam":
            return grad_cam(model, signal_mv, classes)
        case "integrated_gradients":
            return integrated_gradients(
                faster, signal_mv, background.mean_mv, classes, settings.draws, batch_size(settings.draws)
            )
        case "smooth_grad":
            return smooth_grad(
                faster,
                signal_mv,
                classes,
                settings.noise,
                settings.draws,
                settings.replicates,
                batch,
                seed,
                settings.target_error,
            )
        case "shap":
            from veribeat.attribution.shap_reference import shap_gradients  # takes seconds to import

            draws = settings.make_draws(len(background.signals_mv), seed)
            return shap_gradients(model, signal_mv, background, classes, draws, batch_size(settings.draws))
        case "expected_gradients":
            draws = settings.make_draws(len(background.signals_mv), seed)
            return expected_gradients(
                faster, signal_mv, background, classes, draws, batch, settings.target_error
            )


def load_method(method: Method) -> None:
    """Import what `attribute_record` would import at its first call, so that it counts as loaded code."""
    if method == "shap":
        import veribeat.attribution.shap_reference  # noqa: F401


def without_shap(settings: AttributionSettings) -> AttributionSettings:
    """The same attributions without the seconds that importing shap takes, for figures of a single record."""
    if settings.method == "shap":
        return replace(settings, method="expected_gradients")
    return settings
