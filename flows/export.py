"""A trained arm as a folder that needs no workspace: weights, thresholds, metrics, and what they were made from."""

import shutil
from pathlib import Path

from flows.folders import new_folder
from flows.status import UP_TO_DATE, stage_states
from flows.workspace import Workspace
from tasks.explanation_stages import REPORT_TABLES
from veribeat.errors import InputError

COHORT_STAGES = ("simulate", "ingest", "split")
"""What every arm is made from; other arms, and what explains an arm, need not be up to date."""

COHORT = ("out/ingest/card.json", "out/split/normalisation.json")
LEFT_OUT = ("predictions.parquet", "roc.csv", "samples.csv")
"""Outputs of an arm that no release needs: with a row per record, and the points of a figure."""

EXPLANATION_FILES = {
    "attribute": ("attribute.json", "lead_importance.csv"),
    "rules": ("rules.json",),
    "prototypes": ("prototypes.csv", "prototypes.json", "silhouettes.csv", "figures/silhouettes.png"),
    "donors": ("donors.csv", "donors.json", "real_ranges.json"),
    "counterfactuals": ("counterfactuals.json",),
    "report": (*REPORT_TABLES, "discussion.md", "figures/lead_importance.png"),
}
"""What the stages that explain an arm found, without any recording of a patient."""

KEY = ("dvc.lock", "params.yaml")
"""Hashes of data, code and parameters: the proof of what was trained on what."""


def export_arm(place: Workspace, arm: str, folder: Path, *, explanations: bool = False) -> None:
    """Copy an arm's model and results to `folder`, which `models.bundle.Classifier.load` reads.

    With `explanations`, the tables and metrics of the arm's explanations go to the folder explanations/ in it. Raises
    InputError when `folder` exists, the arm is not the explained one, or a stage was not run with today's data, code
    and parameters: what is exported must be what dvc.lock says it is.
    """
    params = place.params()
    if arm not in params.arms:
        raise InputError(f"{place.params_file} has no arm '{arm}', only {', '.join(sorted(params.arms))}.")
    if explanations and params.explain.arm != arm:
        raise InputError(
            f"{place.params_file}: 'explain.arm' is not '{arm}', so there is no explanation of it."
        )
    own = (f"train-{arm}", f"calibrate-{arm}")
    needed = (*COHORT_STAGES, *own, *(EXPLANATION_FILES if explanations else ()))
    for name, state in stage_states(place).items():
        if name in needed and state != UP_TO_DATE:
            raise InputError(f"Stage '{name}' is not up to date ({state}): run 'veribeat run' first.")
    sources = [place.path / name for name in COHORT]
    for stage in place.stages():
        if stage.name in own:
            sources += [place.path / output for output in stage.outputs if Path(output).name not in LEFT_OUT]
    sources += [place.path / name for name in KEY]
    with new_folder(folder) as scratch:
        for source in sources:
            shutil.copyfile(source, scratch / source.name)
        if explanations:
            (scratch / "explanations").mkdir()
            for stage_name, files in EXPLANATION_FILES.items():
                for file in files:
                    source = place.path / "out" / stage_name / file
                    shutil.copyfile(source, scratch / "explanations" / source.name)
