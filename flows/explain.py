"""`veribeat explain`: why one recording is predicted as it is, and what would have to change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from flows.explained_arm import explained_arm, require
from flows.explanation_files import Answer, Asked, write_explanation
from flows.folders import new_folder
from flows.workspace import Workspace
from models.attribution import without_shap
from models.explanation import AttributionPlan, Explanation, ExplanationSettings, explain
from tasks.counterfactual_settings import measure_settings, read_sources, search_settings
from tasks.explained import Explained
from tasks.params.attribute import AttributeParams
from tasks.params.counterfactuals import CounterfactualsParams
from tasks.real_ranges import RANGES, read_ranges
from tasks.workers import most_workers
from veribeat.conventions import SAMPLING_RATE, SUPERCLASSES
from veribeat.counterfactual.evaluation import RealRecords
from veribeat.counterfactual.targets import names_of
from veribeat.data.any_record import EcgRecord, read_any_record
from veribeat.errors import InputError
from veribeat.plots.ecg_paper import clinical_name
from veribeat.signal.windows import Window, window_at

FILE_SEED = 0
"""Stands for the ecg_id of a record that has none, where draws are seeded by it."""

EDITS_SHOWN = 5
"""Rows in the terminal; explanation.json has all."""


def explain_record(place: Workspace, asked: Asked, folder: Path) -> Answer:
    """Explain a recording by the workspace's classifier and prototypes, and write what came out to the new `folder`.

    Raises:
        InputError: the folder exists, the workspace has no prototypes yet, or whatever is wrong with what was asked.
    """
    with new_folder(folder) as scratch:
        answer = _answer(place, asked)
        write_explanation(answer, scratch)
    return answer


def _answer(place: Workspace, asked: Asked) -> Answer:
    params = place.params()
    arm, sources = explained_arm(place)
    chain = place.path / "out"
    ranges = chain / "donors" / RANGES
    require([chain / "prototypes" / "prototypes.h5", chain / "donors" / "donors.h5", ranges])
    explained = Explained.load(sources)
    taken_from = read_sources(chain, explained)
    recording = _recording(asked, explained)
    window = _window(asked, recording)
    return Answer(
        asked,
        arm,
        explained.classifier,
        recording,
        window,
        taken_from.of(asked.method).records,
        explain(
            explained.classifier,
            window.signals_mv,
            taken_from,
            asked.target,
            asked.method,
            settings_of(params.counterfactuals, explained, ranges, asked.ecg_id),
            plan_of(params.attribute, explained, asked.ecg_id),
        ),
        params.cohort.simulated,
    )


def _recording(asked: Asked, explained: Explained) -> EcgRecord:
    if asked.ecg_id is None:
        return read_any_record(asked.record)
    rows = np.flatnonzero(explained.records["ecg_id"] == asked.ecg_id)
    if not len(rows):
        raise InputError(
            f"The cohort has no record {asked.ecg_id}: give an ecg_id of it, or the path of a WFDB record."
        )
    (signal,) = explained.signals_mv(rows)
    return EcgRecord(signal.astype(np.float64), SAMPLING_RATE, frozenset(), ())


def _window(asked: Asked, recording: EcgRecord) -> Window:
    try:
        return window_at(recording.signals_mv, recording.sampling_rate, asked.start_s, recording.derived)
    except InputError as error:
        raise InputError(f"{asked.record}: {error}") from error


def settings_of(
    params: CounterfactualsParams, explained: Explained, ranges: Path, ecg_id: int | None
) -> ExplanationSettings:
    """How a record is explained: as by the stage `counterfactuals`, where `ecg_id` names one of the cohort.

    `ranges` is the file of what real records look like.
    """
    return ExplanationSettings(
        replace(search_settings(params), workers=most_workers()),
        measure_settings(params, explained),
        RealRecords(*read_ranges(ranges), of_target=None),
        (params.seed, FILE_SEED if ecg_id is None else ecg_id),
    )


def plan_of(params: AttributeParams, explained: Explained, ecg_id: int | None) -> AttributionPlan:
    """The attributions that the stage `attribute` makes of this record."""
    return AttributionPlan(
        explained.signals_mv(explained.rows("background")),
        without_shap(params.settings()),
        (params.seed, FILE_SEED if ecg_id is None else ecg_id),
    )


def show_explanation(answer: Answer, console: Console) -> None:
    """Print predictions, how the target was reached, and the largest edits."""
    explanation = answer.explanation
    query, found, metrics = explanation.query, explanation.counterfactual, explanation.metrics
    target, donor = " + ".join(names_of(found.target)), answer.prototypes.ecg_ids[found.prototype]
    console.print(f"Record {answer.asked.record}, {answer.window.start_s:g} to {answer.window.end_s:g} s")
    predictions = _table("superclass", "threshold", "record", f"counterfactual for {target}")
    for row in zip(
        SUPERCLASSES, answer.classifier.thresholds, query.probabilities, found.probabilities, strict=True
    ):
        name, threshold, before, after = row
        predictions.add_row(name, f"{threshold:.3f}", _marked(before, threshold), _marked(after, threshold))
    console.print(predictions)
    outcome = "reached" if found.valid else "NOT reached"
    console.print(
        f"* predicted. {target} is {outcome} by {found.method} from record {donor}:"
        f" {metrics.share_changed:.1%} of the recording changed, {_what(explanation)}.",
        highlight=False,
    )
    if found.note:
        console.print(f"Note: {found.note}.", highlight=False)
    if explanation.counterfactual.waves:
        console.print(_wave_table(explanation))
    elif explanation.edits:
        console.print(_edit_table(explanation, answer.window.start_s))


def _what(explanation: Explanation) -> str:
    if changes := explanation.counterfactual.waves:
        return f"{len(changes)} wave{'s' * (len(changes) > 1)} in every beat"
    return f"in {len(explanation.edits)} pieces"


def _wave_table(explanation: Explanation) -> Table:
    """The waves that were edited; the limb leads that follow from I and II are not listed."""
    table = _table("wave, in every beat", "lead", "from R, ms", "to, ms", "mean, mV", "largest, mV")
    for change in sorted(explanation.counterfactual.waves, key=lambda change: -abs(change.largest_mv)):
        table.add_row(
            change.wave,
            clinical_name(change.lead),
            f"{change.start_ms:+.0f}",
            f"{change.end_ms:+.0f}",
            f"{change.mean_mv:+.2f}",
            f"{change.largest_mv:+.2f}",
        )
    return table


def _edit_table(explanation: Explanation, start_s: float) -> Table:
    table = _table("largest edits, lead", "from, s", "to, s", "mean, mV", "largest, mV")
    for edit in sorted(explanation.edits, key=lambda edit: -abs(edit.largest_mv))[:EDITS_SHOWN]:
        times = (f"{start_s + time:.2f}" for time in (edit.start_s, edit.end_s))
        table.add_row(clinical_name(edit.lead), *times, f"{edit.mean_mv:+.2f}", f"{edit.largest_mv:+.2f}")
    return table


def _table(*columns: str) -> Table:
    table = Table(*columns)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _marked(probability: float, threshold: float) -> str:
    return f"{probability:.3f} {'*' if probability >= threshold else ' '}"
