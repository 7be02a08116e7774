"""The files of `veribeat explain`: a JSON document, arrays, and figures."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flows.predict import by_superclass
from models.bundle import Classifier
from models.explanation import Explanation
from tasks.stage import write_json
from veribeat.attribution.importance import lead_shares
from veribeat.attribution.settings import MEANINGS, Method, has_leads
from veribeat.black_box import BlackBox
from veribeat.conventions import LEADS, SAMPLING_RATE, SUPERCLASSES
from veribeat.counterfactual.targets import names_of
from veribeat.data.any_record import EcgRecord
from veribeat.metrics.thresholds import predict_labels
from veribeat.plots.counterfactual import Heat, Labelled, overlay_figure, query_figure
from veribeat.plots.style import SIMULATED_BANNER, save_png
from veribeat.plots.svg import svg_text
from veribeat.prototypes.store import PrototypeSet
from veribeat.signal.r_peaks import RPeaks
from veribeat.signal.windows import Window

DOCUMENT = "explanation.json"
ARRAYS = "signals.npz"

DIGITS = 6
"""Of numbers in the document; the last digits of a float are not results."""


@dataclass(frozen=True)
class Asked:
    """What to explain: `record` is the path of a WFDB record, or an ecg_id of the workspace's cohort."""

    record: str
    target: tuple[str, ...] | None
    method: str
    start_s: float

    @property
    def ecg_id(self) -> int | None:
        """None where `record` is a path; a file whose name is a number is meant by ./123."""
        return int(self.record) if self.record.isascii() and self.record.isdigit() else None


@dataclass(frozen=True)
class Answer:
    """An explanation with all that its files say."""

    asked: Asked
    arm: str
    classifier: Classifier
    recording: EcgRecord
    window: Window
    prototypes: PrototypeSet
    explanation: Explanation
    attribution_method: Method
    witness_arm: str | None
    witness: BlackBox | None
    simulated: bool

    @property
    def warnings(self) -> list[str]:
        """What is to be known of the recording and of the window that is explained."""
        return [str(warning) for warning in (*self.recording.warnings, *self.window.warnings)]

    @property
    def reached(self) -> tuple[str, ...]:
        """The superclasses that are predicted for the counterfactual."""
        probabilities = self.explanation.counterfactual.probabilities
        return names_of(predict_labels(probabilities[None], self.classifier.thresholds)[0])

    @property
    def seen_by_witness(self) -> tuple[str, ...] | None:
        """The superclasses that the witness predicts for the counterfactual; None without one."""
        probabilities = self.explanation.witness_probabilities
        if self.witness is None or probabilities is None:
            return None
        return names_of(predict_labels(probabilities[None], self.witness.thresholds)[0])


def write_explanation(answer: Answer, folder: Path) -> None:
    """Write the document, the arrays, and the figures query, counterfactual and heat as PNG and SVG to `folder`.

    The same explanation gives the same bytes.
    """
    write_json(folder / DOCUMENT, document(answer))
    np.savez(folder / ARRAYS, allow_pickle=False, **_arrays(answer.explanation))
    for name, figure in _figures(answer).items():
        save_png(figure, folder / f"{name}.png")
        (folder / f"{name}.svg").write_text(svg_text(figure), encoding="utf-8")


def document(answer: Answer) -> dict[str, Any]:
    """Everything but the arrays: what was asked, predictions, the counterfactual with its metrics and edits."""
    explanation, start_s = answer.explanation, answer.window.start_s
    query, found = explanation.query, explanation.counterfactual
    donor = found.prototype
    return {
        "record": answer.asked.record,
        "ecg_id": answer.asked.ecg_id,
        "sampling_rate": answer.recording.sampling_rate,
        "duration_s": round(answer.recording.duration_s, 3),
        "start_s": start_s,
        "end_s": answer.window.end_s,
        "warnings": answer.warnings,
        "model": {
            "arm": answer.arm,
            "backbone": answer.classifier.backbone_name,
            "thresholds": dict(zip(SUPERCLASSES, answer.classifier.thresholds, strict=True)),
            "simulated_cohort": answer.simulated,
        },
        "query": {
            "probabilities": by_superclass(query.probabilities),
            "labels": names_of(query.labels),
            "r_peaks_s": [round(start_s + int(peak) / SAMPLING_RATE, 2) for peak in query.r_peaks],
            "r_peaks_from": _r_peaks_from(explanation.r_peaks),
            "r_peaks_missing": explanation.r_peaks.reason,
        },
        "target": names_of(found.target),
        "method": found.method,
        "counterfactual": {
            "probabilities": by_superclass(found.probabilities),
            "labels": answer.reached,
            "valid": found.valid,
            "keep_ratio": _number(found.keep_ratio),
            "margin_logits": _number(found.margin),
            "donors_searched": found.searched,
            "forwards": found.forwards,
            "note": found.note,
        },
        "witness": _witness(answer),
        "donor": {
            "ecg_id": int(answer.prototypes.ecg_ids[donor]),
            "superclass": answer.prototypes.superclasses[donor],
            "cluster": int(answer.prototypes.clusters[donor]),
            "cluster_size": int(answer.prototypes.cluster_sizes[donor]),
            "silhouette": _number(answer.prototypes.silhouettes[donor]),
            "distance_mv": _number(found.distance),
            "provenance": answer.prototypes.provenance,
        },
        "metrics": {name: _number(value) for name, value in asdict(explanation.metrics).items()},
        "waves": [
            {
                "wave": change.wave,
                "lead": change.lead,
                "start_ms": change.start_ms,
                "end_ms": change.end_ms,
                "mean_mv": round(change.mean_mv, DIGITS),
                "largest_mv": round(change.largest_mv, DIGITS),
            }
            for change in found.waves
        ],
        "edits": [
            {
                "lead": edit.lead,
                "start_s": round(start_s + edit.start_s, 2),
                "end_s": round(start_s + edit.end_s, 2),
                "mean_mv": round(edit.mean_mv, DIGITS),
                "largest_mv": round(edit.largest_mv, DIGITS),
            }
            for edit in explanation.edits
        ],
        "attributions": _attributions(answer),
    }


def _r_peaks_from(found: RPeaks) -> str | None:
    return f"{found.detector}, lead {found.lead}" if len(found.samples) else None


def _witness(answer: Answer) -> dict[str, Any] | None:
    """What another arm, which had no part in the search, sees in the counterfactual."""
    probabilities = answer.explanation.witness_probabilities
    if probabilities is None:
        return None
    return {
        "arm": answer.witness_arm,
        "probabilities": by_superclass(probabilities),
        "labels": answer.seen_by_witness,
    }


def _attributions(answer: Answer) -> list[dict[str, Any]]:
    """One object per superclass, in the order of the array `attributions`."""
    found, method = answer.explanation.attributions, answer.attribution_method
    if found is None:
        return []
    rows = zip(
        found.superclasses,
        found.attribution.logits,
        found.attribution.baseline_logits,
        found.attribution.monte_carlo_error,
        lead_shares(found.attribution.values),
        strict=True,
    )
    return [
        {
            "superclass": name,
            "method": method,
            "unit": f"{MEANINGS[method]} {name}",
            "logit": _number(logit),
            "baseline_logit": _number(baseline),
            "monte_carlo_error": _number(error),
            "draws": found.attribution.draws,
            "lead_shares": {lead: _number(share) for lead, share in zip(LEADS, shares, strict=True)}
            if has_leads(method)
            else None,
        }
        for name, logit, baseline, error, shares in rows
    ]


def _arrays(explanation: Explanation) -> dict[str, NDArray]:
    """Signals and mask (1000, 12), and attributions (k, 1000, 12)."""
    arrays: dict[str, NDArray] = {
        "query_mv": explanation.query.signal_mv,
        "counterfactual_mv": explanation.counterfactual.signal_mv,
        "changed": explanation.counterfactual.mask,
    }
    if explanation.attributions is not None:
        arrays["attributions"] = explanation.attributions.attribution.values
    return arrays


def _figures(answer: Answer) -> dict[str, Figure]:
    explanation = answer.explanation
    found = explanation.counterfactual
    query = Labelled(
        f"Record {Path(answer.asked.record).name.removesuffix('.hea')}",
        explanation.query.signal_mv,
        explanation.query.probabilities,
        names_of(explanation.query.labels),
    )
    donor = int(answer.prototypes.ecg_ids[found.prototype])
    other = Labelled(
        f"Counterfactual for {' + '.join(names_of(found.target))} by {found.method} from record {donor}",
        found.signal_mv,
        found.probabilities,
        answer.reached,
    )
    mask = None if found.mask.all() else found.mask  # where all is changed, shading would say nothing
    banner = SIMULATED_BANNER if answer.simulated else None
    start_s = answer.window.start_s
    figures = {
        "query": query_figure(query, banner, start_s),
        "counterfactual": overlay_figure(query, other, mask, None, banner, start_s),
    }
    if explanation.attributions is not None:
        place = explanation.attributions.superclasses.index(explanation.decisive)
        heat = Heat(
            explanation.attributions.attribution.values[place],
            explanation.decisive,
            "the query",
            MEANINGS[answer.attribution_method],
        )
        figures["heat"] = overlay_figure(query, other, mask, heat, banner, start_s)
    return figures


def _number(value: float) -> float | None:
    """Rounded; None for what is undefined, because JSON has no NaN."""
    return None if np.isnan(value) else round(float(value), DIGITS)
