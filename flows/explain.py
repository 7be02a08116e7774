"""`veribeat explain`: why one recording is predicted as it is, and what would have to change."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from flows.explained_arm import ExplainedArm
from flows.explanation_files import Answer, Asked, write_explanation
from flows.folders import new_folder
from flows.workspace import Workspace
from models.explanation import Explanation, explain
from tasks.explained import Explained
from veribeat.conventions import SAMPLING_RATE, SUPERCLASSES
from veribeat.counterfactual.targets import names_of
from veribeat.data.any_record import EcgRecord, read_any_record
from veribeat.errors import InputError
from veribeat.plots.ecg_paper import clinical_name
from veribeat.signal.windows import Window, window_at

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
    loaded = ExplainedArm.load(place)
    classifier = loaded.explained.classifier
    recording = _recording(asked, loaded.explained)
    window = _window(asked, recording)
    return Answer(
        asked,
        loaded.arm,
        classifier,
        recording,
        window,
        loaded.sources.of(asked.method).records,
        explain(
            classifier,
            window.signals_mv,
            loaded.sources,
            asked.target,
            asked.method,
            loaded.settings(asked.ecg_id),
            loaded.plan(asked.ecg_id),
            loaded.witness,
        ),
        loaded.params.attribute.method,
        loaded.params.explain.witness,
        loaded.witness,
        loaded.simulated,
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


def show_explanation(answer: Answer, console: Console) -> None:
    """Print predictions, how the target was reached, and the largest edits."""
    explanation = answer.explanation
    query, found, metrics = explanation.query, explanation.counterfactual, explanation.metrics
    target, donor = " + ".join(names_of(found.target)), answer.prototypes.ecg_ids[found.prototype]
    console.print(f"Record {answer.asked.record}, {answer.window.start_s:g} to {answer.window.end_s:g} s")
    predictions = _table("superclass", "threshold", "record", f"counterfactual for {target}")
    before, after = (
        _marked(of.probabilities, labels)
        for of, labels in ((query, names_of(query.labels)), (found, answer.reached))
    )
    for name, threshold in zip(SUPERCLASSES, answer.classifier.thresholds, strict=True):
        predictions.add_row(name, f"{threshold:.3f}", before[name], after[name])
    console.print(predictions)
    outcome = "reached" if found.valid else "NOT reached"
    console.print(
        f"* predicted. {target} is {outcome} by {found.method} from record {donor}:"
        f" {metrics.share_changed:.1%} of the recording changed, {_what(explanation)}.",
        highlight=False,
    )
    for sentence in _more(answer):
        console.print(sentence, highlight=False)
    if explanation.counterfactual.waves:
        console.print(_wave_table(explanation))
    elif explanation.edits:
        console.print(_edit_table(explanation, answer.window.start_s))


def _more(answer: Answer) -> Iterator[str]:
    """How sure that is, in sentences."""
    explanation, found = answer.explanation, answer.explanation.counterfactual
    if np.isfinite(found.margin):
        yield f"Margin: {found.margin:+.2f} logits, in copies that are shifted by 10 to 20 ms, too."
    if found.note:
        yield f"Note: {found.note}."
    if explanation.r_peaks.reason:
        yield f"R-peaks: {explanation.r_peaks.reason}."
    if answer.seen_by_witness is not None:
        seen = " + ".join(answer.seen_by_witness) or "no superclass"
        yield f"Witness: for the counterfactual {answer.witness_arm} predicts {seen}; it has no part in the search."
    if any(change.lead in ("I", "II") for change in found.waves):
        yield "III, aVR, aVL and aVF follow from what is changed in I and II."


def _what(explanation: Explanation) -> str:
    if changes := explanation.counterfactual.waves:
        return f"{len(changes)} wave{'s' * (len(changes) > 1)} in every beat"
    return f"in {len(explanation.edits)} pieces"


def _wave_table(explanation: Explanation) -> Table:
    """The waves that were edited; the limb leads that follow from I and II are not listed."""
    table = _table("wave, in every beat", "lead", "edited from R, ms", "to, ms", "mean, mV", "largest, mV")
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


def _marked(probabilities: NDArray[np.floating], predicted: Collection[str]) -> dict[str, str]:
    """Each superclass's probability, with a star where it is predicted."""
    return {
        name: f"{probability:.3f} {'*' if name in predicted else ' '}"
        for name, probability in zip(SUPERCLASSES, probabilities, strict=True)
    }
