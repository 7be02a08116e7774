"""Why a classifier predicts what it does for one recording, and what would have to change for another prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.attribution import attribute_record
from models.black_box import black_box
from models.bundle import Classifier
from veribeat.attribution.base import Attribution, batch_size, make_background
from veribeat.attribution.settings import AttributionSettings
from veribeat.black_box import BlackBox
from veribeat.conventions import LEADS, SAMPLING_RATE, SUPERCLASSES
from veribeat.counterfactual.evaluation import EvaluationSettings, Metrics, RealRecords, evaluate
from veribeat.counterfactual.methods import METHODS, DonorSets, MethodSettings, explain_query
from veribeat.counterfactual.query import Counterfactual, Query, make_query
from veribeat.counterfactual.stability import draw_noise
from veribeat.counterfactual.targets import default_target, label_set
from veribeat.errors import InputError
from veribeat.signal.r_peaks import RPeaks, find_r_peaks


@dataclass(frozen=True)
class ExplanationSettings:
    """How counterfactuals are searched for and judged.

    `real` is what real records look like, and `noise_seed` seeds the noise of the noise stability.
    """

    search: MethodSettings
    measure: EvaluationSettings
    real: RealRecords
    noise_seed: tuple[int, ...]


@dataclass(frozen=True)
class AttributionPlan:
    """How attributions are made: with which background records (M, 1000, 12) in mV, and the query's own seed."""

    background_mv: NDArray[np.float32]
    settings: AttributionSettings
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Edit:
    """A run of samples of one lead that a counterfactual changed; `mean_mv` and `largest_mv` are signed."""

    lead: str
    start_s: float
    end_s: float
    """Where the first sample after it would be."""
    mean_mv: float
    largest_mv: float


@dataclass(frozen=True)
class ClassAttributions:
    """Attributions of the query's logits of `superclasses` (k,); see `Attribution`."""

    superclasses: tuple[str, ...]
    attribution: Attribution


@dataclass(frozen=True)
class Explanation:
    """One query, one counterfactual of it, and attributions of the predicted and of the target's superclasses."""

    query: Query
    r_peaks: RPeaks
    counterfactual: Counterfactual
    metrics: Metrics
    edits: tuple[Edit, ...]
    witness_probabilities: NDArray[np.float32] | None
    """(5,) of the counterfactual by another classifier, which had no part in it; None without one."""
    attributions: ClassAttributions | None
    """None where they were not asked for."""

    @property
    def decisive(self) -> str:
        """The superclass that the counterfactual is about: the most probable that it takes away, else that it adds."""
        lost = self.query.labels & ~self.counterfactual.target
        chosen = lost if lost.any() else self.counterfactual.target & ~self.query.labels
        return SUPERCLASSES[int(np.argmax(np.where(chosen, self.query.probabilities, -1)))]


def explain(
    classifier: Classifier,
    signal_mv: NDArray[np.float32],
    sources: DonorSets,
    target: Sequence[str] | None,
    method: str,
    settings: ExplanationSettings,
    plan: AttributionPlan | None = None,
    witness: BlackBox | None = None,
) -> Explanation:
    """Explain the prediction of `classifier` for one recording.

    Args:
        classifier: whose predictions are explained.
        signal_mv: (1000, 12) at 100 Hz, leads in the order of LEADS; it is rounded to 1/1000 mV.
        sources: what the counterfactual is taken from.
        target: superclasses that must be predicted, and no others; None: `targets.default_target`.
        method: one of METHODS.
        settings: of the counterfactual and its metrics.
        plan: of the attributions; None leaves them out.
        witness: another classifier, which is asked what it sees in the counterfactual.

    Raises:
        InputError: unknown method or superclass, the target is predicted already, no prototype has a superclass of it,
            or what `attribute_record` says.
    """
    if method not in METHODS:
        raise InputError(f"'{method}' is no method; choose from {', '.join(METHODS)}.")
    model = black_box(classifier.backbone, np.array(classifier.thresholds))
    r_peaks = find_r_peaks(signal_mv)
    query = make_query(signal_mv, r_peaks.samples, model)
    wanted = label_set([default_target(query.labels, query.probabilities)] if target is None else target)
    (found,) = explain_query(query, [wanted], [method], sources, model, settings.search)
    levels, draws = len(settings.measure.noise_levels), settings.measure.noise_draws
    noise = draw_noise(levels, draws, query.signal_mv.shape, settings.noise_seed)
    return Explanation(
        query,
        r_peaks,
        found,
        evaluate(
            query,
            found,
            noise,
            settings.real,
            model,
            settings.measure,
            witness,
            workers=settings.search.workers,
        ),
        list_edits(query.signal_mv, found.signal_mv, found.mask),
        None if witness is None else witness.probabilities(found.signal_mv[None])[0],
        None if plan is None else _attribute(classifier, query, wanted, plan),
    )


def list_edits(
    query_mv: NDArray[np.float32], changed_mv: NDArray[np.float32], mask: NDArray[np.bool_]
) -> tuple[Edit, ...]:
    """The runs of True in `mask` (1000, 12), lead by lead, with the differences of the signals (1000, 12) there."""
    difference = changed_mv.astype(np.float64) - query_mv
    edits = []
    for column, lead in enumerate(LEADS):
        bounds = np.flatnonzero(np.diff(mask[:, column], prepend=False, append=False))
        for start, end in bounds.reshape(-1, 2):
            piece = difference[start:end, column]
            largest = piece[np.argmax(np.abs(piece))]
            seconds = (int(start) / SAMPLING_RATE, int(end) / SAMPLING_RATE)
            edits.append(Edit(lead, *seconds, float(piece.mean()), float(largest)))
    return tuple(edits)


def _attribute(
    classifier: Classifier, query: Query, target: NDArray[np.bool_], plan: AttributionPlan
) -> ClassAttributions:
    classes = np.flatnonzero(query.labels | target).tolist()
    needed = plan.settings.background_logits_needed(len(plan.background_mv), plan.seed)
    background = make_background(
        classifier.backbone, plan.background_mv, batch_size(plan.settings.draws), needed
    )
    attribution = attribute_record(
        classifier.backbone, query.signal_mv, background, classes, plan.settings, plan.seed
    )
    return ClassAttributions(tuple(SUPERCLASSES[index] for index in classes), attribution)
