"""release.html: what a release is, how it was judged and what it was made from, as one page that fetches nothing."""

from dataclasses import dataclass
from pathlib import Path

from flows.release.documents.writing import DOCUMENTS
from flows.release.reading import SELECTION_LOG, ReleaseFiles
from flows.release.tables import (
    acceptance_table,
    batch_table,
    class_table,
    data_tables,
    drift_table,
    file_table,
    headline_table,
    provenance_tables,
    score,
    selection_table,
    subgroup_table,
)
from flows.report.page import render
from flows.report.result_table import ResultTable
from flows.report.texts import folds
from tasks.file_names import LEARNT
from veribeat.errors import InputError

PAGE = "release.html"

DECIDED = {
    "first": "It is the first release: no earlier one could be set beside it.",
    "update": "It is an update of release {champion}.",
    "by hand": "It was made by hand: no limit of acceptance was judged.",
}
"""Kind of decision.json -> a sentence."""


@dataclass(frozen=True)
class ReleaseContent:
    """All that the page shows; None for what a release of its kind does not have."""

    name: str
    simulated: bool
    summary: tuple[str, ...]
    headline: ResultTable
    acceptance: ResultTable | None
    scores: tuple[ResultTable, ...]
    data: tuple[ResultTable, ...]
    drift: ResultTable | None
    excluded: tuple[str, ...]
    selection: ResultTable
    provenance: tuple[ResultTable, ...]
    files: ResultTable
    documents: tuple[str, ...]


def write_release_page(folder: Path) -> Path:
    """Write release.html into a folder that holds all other files of a release but the manifest; returns the page.

    Raises InputError when a file that it shows is missing or damaged.
    """
    files = ReleaseFiles(folder)
    batches = batch_table(files)
    content = ReleaseContent(
        name=str(files.value("provenance.json", "release")),
        simulated=files.simulated,
        summary=_summary(files),
        headline=headline_table(files),
        acceptance=acceptance_table(files),
        scores=(class_table(files), subgroup_table(files)),
        data=(*data_tables(files), *((batches,) if batches else ())),
        drift=drift_table(files),
        excluded=_excluded(files),
        selection=selection_table(files),
        provenance=provenance_tables(files),
        files=file_table(folder, PAGE),
        documents=tuple(name for name in DOCUMENTS if files.has(name)),
    )
    page = folder / PAGE
    page.write_text(render("release.html", content=content), encoding="utf-8")
    return page


def _summary(files: ReleaseFiles) -> tuple[str, ...]:
    arm = files.arm
    settings = files.value("params.yaml", "arms", arm)
    code = files.value("provenance.json", "code")
    champion = files.value("decision.json", "champion_before")
    decided = DECIDED.get(files.value("decision.json", "kind"))
    if decided is None:
        raise InputError(
            f"{files.folder / 'decision.json'} is of none of the kinds {', '.join(DECIDED)}: restore the release from"
            " a backup."
        )
    reason = str(files.value("decision.json", "reason")).rstrip(".")
    commit = (
        f"commit {code['commit']}"
        if code["commit"]
        else "code outside of a git checkout, so without a commit"
    )
    changed = ", with changes that are not committed" if code["dirty"] else ""
    split = files.value("params.yaml", "split")
    return (
        f"Release {files.value('provenance.json', 'release')} is the arm {arm}: backbone {settings['backbone']}, preset"
        f" {settings['preset']}, selection {files.selection}, seed {settings['seed']}.",
        f"Macro-F1 on the test records ({folds(split['test'])}) is {score(files, 'test', 'calibrated', 'f1_macro')},"
        f" macro-AUROC {score(files, 'test', 'ranking', 'auroc_macro')}.",
        f"{decided.format(champion=champion)} Reason: {reason}.",
        f"It has learnt from {len(files.table(LEARNT)):,} records, of"
        f" {folds(split['train'])}; {files.value('card.json', 'quarantine', 'records'):,} records of the cohort were"
        " quarantined.",
        f"Made on {files.value('provenance.json', 'made')[:16].replace('T', ' ')} by {commit}{changed}.",
    )


def _excluded(files: ReleaseFiles) -> tuple[str, ...]:
    selection = files.selection
    excluded, of_all = len(files.excluded()), len(files.table(SELECTION_LOG))
    share = excluded / of_all if of_all else 0.0
    return (
        f"The selection {selection} excluded {excluded:,} of {of_all:,} training records ({share:.1%}): it dropped them"
        " in every epoch in which it could.",
        f"All records with how often each was kept and dropped: {SELECTION_LOG}.",
    )
