"""What the explanation chain leaves in a workspace, made without running its stages."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from toy_counterfactuals import prototype_set

from tasks.counterfactuals import SUMMARY
from tasks.report import METRICS
from tasks.stage_description import Stage
from veribeat.conventions import LEADS, SUPERCLASSES
from veribeat.counterfactual.methods import METHODS
from veribeat.counterfactual.tables import table_3, table_4, tables_7_11, tables_12_13
from veribeat.prototypes.store import write_prototypes

ATTRIBUTE = {
    "records": 10,
    "rows": 14,
    "median_monte_carlo_error": 0.18,
    "largest_monte_carlo_error": 0.45,
    "median_completeness_gap": 0.1,
}
RULES = {
    "records": 8,
    "rules": 7,
    "threshold": 0.002,
    "mean_features": 1200.5,
    "mean_scale": 0.3,
    "mean_precision": 0.99,
    "mean_coverage": 0.1,
    "mean_confidence": 1.0,
    "forwards_per_rule": 3000.0,
}
PROTOTYPES = {
    name: {"pool": 4, "candidates": 2, "prototypes": 1, "dimensions": None, "silhouette": None}
    for name in SUPERCLASSES
}
DISCUSSION = "- Prototypes were chosen from fewer than 30 records for NORM (1 from 2).\n"


def write_chain(chain: Iterable[Stage], workspace: Path, picture: Path) -> None:
    """Write every output of the chain's stages: plausible numbers, `picture` for each figure.

    What nobody but the stages reads holds one letter.
    """
    for stage in chain:
        for output in stage.outputs:
            path = workspace / output
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".png":
                shutil.copyfile(picture, path)
            else:
                path.write_text("x\n")
    out = workspace / "out"
    table = _counterfactuals()
    metrics = {
        "attribute": ATTRIBUTE,
        "rules": RULES,
        "prototypes": PROTOTYPES,
        "donors": {name: {"candidates": 9, "donors": 1} for name in SUPERCLASSES},
        "counterfactuals": _means(table),
    }
    for name, content in metrics.items():
        (out / name / f"{name}.json").write_text(json.dumps(content))
    shares = pd.DataFrame(1 / len(LEADS), index=pd.Index(SUPERCLASSES, name="superclass"), columns=LEADS)
    shares.to_csv(out / "attribute" / "lead_importance.csv")
    _rules().to_parquet(out / "rules" / "summary.parquet")
    for name in ("prototypes", "donors"):
        write_prototypes(out / name / f"{name}.h5", prototype_set(SUPERCLASSES))
    table.to_parquet(out / "counterfactuals" / "counterfactuals.parquet")
    for make in (table_3, table_4, tables_7_11, tables_12_13):
        file = out / "report" / f"{make.__name__}.csv"
        make(table, METRICS, beside_paper=False).to_csv(file, index=False)
    (out / "report" / "discussion.md").write_text(DISCUSSION)


def _rules() -> pd.DataFrame:
    """A rule of each superclass but one, for which none was found."""
    kept = [name != "HYP" for name in SUPERCLASSES]
    return pd.DataFrame(
        {
            "ecg_id": np.arange(len(SUPERCLASSES)) + 51,
            "superclass": SUPERCLASSES,
            "features": 1200,
            "kept": kept,
            "covered": np.where(kept, 1, 0),
            "text": ["lead V2, 1.32-1.36 s: 0.21 to 0.48 mV" if found else "" for found in kept],
        }
    )


def _counterfactuals() -> pd.DataFrame:
    """Two queries of NORM, CD and both, for every other superclass, by every method, with random metrics."""
    cells = [
        {"ecg_id": ecg_id, "initial": initial, "target": target, "method": method}
        for ecg_id, initial in enumerate(("NORM", "NORM", "CD", "CD", "CD+NORM", "CD+NORM"), start=41)
        for target in SUPERCLASSES
        if target not in initial.split("+")
        for method in METHODS
    ]
    values = np.random.default_rng(5).uniform(size=(len(cells), len(METRICS)))
    table = pd.concat([pd.DataFrame(cells), pd.DataFrame(values, columns=METRICS)], axis=1)
    table["validity"] = table["validity"].round()
    return table


def _means(table: pd.DataFrame) -> dict[str, object]:
    """As counterfactuals.json, over all targets alone."""
    single = table[~table["initial"].str.contains("+", regex=False)]
    means = single.groupby("method")[list(SUMMARY)].mean()
    queries = {"queries": 6, "single_label_queries": 4}
    return {**queries, **{method: {"all": means.loc[method].to_dict()} for method in METHODS}}
