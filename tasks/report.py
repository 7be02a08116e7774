"""Stage `report`: [CF]'s tables with ours beside them, a discussion of the numbers, and the figures of one query."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.attribution import attribute_record, without_shap
from tasks.explained import Explained, Sources
from tasks.params.attribute import AttributeParams
from tasks.params.cohort import CohortParams
from tasks.params.reading import read_section
from tasks.params.report import ReportParams
from tasks.params.train import ComputeParams
from tasks.report_gallery import failure_gallery
from tasks.stage import OUT, output_folder, run
from veribeat.attribution.base import LARGEST_BATCH, make_background
from veribeat.attribution.settings import MEANINGS, Method, has_leads
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.alignment import align
from veribeat.counterfactual.default_method import DEFAULT_METHOD
from veribeat.counterfactual.discussion import discussion
from veribeat.counterfactual.methods import METHODS
from veribeat.counterfactual.paper_methods import PAPER_METHODS
from veribeat.counterfactual.tables import table_3, table_4, tables_7_11, tables_12_13
from veribeat.errors import InputError
from veribeat.plots.counterfactual import Heat, Labelled, overlay_figure, prototype_figure, query_figure
from veribeat.plots.lead_importance import lead_importance_chart
from veribeat.plots.style import SIMULATED_BANNER, add_banner, drawing, new_figure, save_png
from veribeat.prototypes.store import read_prototypes
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.stored_units import from_units

METRICS = (
    "validity",
    "target_present",
    "share_changed",
    "l0_share",
    "mean_abs_mv",
    "rms_mv",
    "noise_stability",
    "temporal_stability",
    "shift_kept",
    "predicted_margin",
    "target_margin",
    "worst_signed_margin",
    "quality",
    "joint_jump_mv",
    "limb_lead_residual_mv",
    "share_outside_range",
    "intervals_outside_range",
    "nearest_real_mv",
    "witness_reached",
    "witness_present",
)
"""Metrics of the tables, those of [CF] among them."""

EXAMPLE = "CD"
"""The superclass of the query in [CF]'s figures 8-14."""

COLOURS = 256
"""Of the figures: pages hold them all."""

QUERY_FIGURES = (
    "query",
    "prototype",
    "original",
    "sparse",
    "aligned",
    "aligned_sparse",
    "heat",
    "beat_sparse",
    "wave_sparse",
)
"""[CF] figures 8-14, in this order, and the same query by our methods."""


def report(
    out: Path,
    explained: Explained,
    chain: Path,
    params: ReportParams,
    attribution: AttributeParams,
    *,
    simulated: bool,
) -> None:
    """Write the tables as CSV, discussion.md, and figures/: lead importance and the explanation of one query.

    `chain` is the folder that holds the outputs of the stages before. Raises InputError when params name a query that
    has no counterfactual for the target.
    """
    table = pd.read_parquet(chain / "counterfactuals" / "counterfactuals.parquet")
    beside_paper = not simulated
    tables = {
        "table_3": table_3(table, METRICS, beside_paper=beside_paper),
        "table_4": table_4(table, METRICS, beside_paper=beside_paper),
        "tables_7_11": tables_7_11(table, METRICS, beside_paper=beside_paper),
        "tables_12_13": tables_12_13(table, METRICS, beside_paper=beside_paper),
    }
    for name, content in tables.items():
        content.to_csv(out / f"{name}.csv", index=False, float_format="%.6f", lineterminator="\n")
    sentences = _discussion(chain, tables["table_3"], tables["table_4"])
    (out / "discussion.md").write_text("".join(f"- {sentence}\n" for sentence in sentences), encoding="utf-8")

    banner = SIMULATED_BANNER if simulated else None
    figures = {"lead_importance": _lead_importance(chain / "attribute", attribution.method, banner)}
    example = _example(table, params)
    if example is None:
        empty = f"No {EXAMPLE} query has a counterfactual for {params.target}."
        figures |= dict.fromkeys(QUERY_FIGURES, _text_figure(empty, banner))
    else:
        figures |= _query_figures(explained, chain, example, attribution, banner)
    worst = failure_gallery(explained, chain / "counterfactuals", banner)
    figures["worst"] = worst or _text_figure("There is no counterfactual to show.", banner)
    (out / "figures").mkdir()
    for name, figure in figures.items():
        save_png(figure, out / "figures" / f"{name}.png", COLOURS)


def _discussion(chain: Path, summary: pd.DataFrame, by_target: pd.DataFrame) -> list[str]:
    def metrics(stage: str) -> dict:
        content: dict = json.loads((chain / stage / f"{stage}.json").read_text(encoding="utf-8"))
        return content

    of_classes = metrics("prototypes")
    return discussion(
        summary,
        by_target,
        {name: block["prototypes"] for name, block in of_classes.items()},
        {name: block["candidates"] for name, block in of_classes.items()},
        metrics("attribute")["median_monte_carlo_error"],
        metrics("rules")["mean_precision"],
    )


def _lead_importance(attributions: Path, method: Method, banner: str | None) -> Figure:
    if not has_leads(method):
        return _text_figure(f"Attributions by {method} are the same in all leads.", banner)
    shares = pd.read_csv(attributions / "lead_importance.csv", index_col="superclass")
    rows = pd.read_parquet(attributions / "attributions.parquet", columns=["superclass"]).value_counts()
    counts = {str(name): int(rows[name]) for name in shares.index}
    return lead_importance_chart(shares, counts, banner, "Lead importance, records of the pool")


def _example(table: pd.DataFrame, params: ReportParams) -> pd.DataFrame | None:
    """The counterfactuals of the query in the figures, one per method; their index is that of the signals.

    Without a query in `params` the first of `EXAMPLE`, if possible one with a valid counterfactual by
    `DEFAULT_METHOD`.
    """
    towards = table[table["target"] == params.target]
    if params.query is not None:
        rows = towards[towards["ecg_id"] == params.query]
        if rows.empty:
            raise InputError(
                f"Record {params.query} has no counterfactual for {params.target}: for 'report.query' choose a query of"
                " out/counterfactuals/counterfactuals.parquet that is not of the class 'report.target', or null."
            )
        return rows.set_index("method", append=True)
    of_class = towards[towards["initial"] == EXAMPLE]
    if of_class.empty:
        return None
    valid = of_class[(of_class["method"] == DEFAULT_METHOD) & (of_class["validity"] == 1)]
    first = (of_class if valid.empty else valid)["ecg_id"].iloc[0]
    chosen: pd.DataFrame = of_class[of_class["ecg_id"] == first]
    return chosen.set_index("method", append=True)


def _query_figures(
    explained: Explained,
    chain: Path,
    example: pd.DataFrame,
    attribution: AttributeParams,
    banner: str | None,
) -> dict[str, Figure]:
    """[CF] figures 8-14 of the query whose counterfactuals are the rows of `example`."""
    ecg_id, target = int(example["ecg_id"].iloc[0]), str(example["target"].iloc[0])
    (row,) = np.flatnonzero(explained.records["ecg_id"] == ecg_id)
    (signal,) = explained.signals_mv(np.array([row]))
    query = _labelled(explained, f"Record {ecg_id}", signal)
    prototypes = read_prototypes(chain / "prototypes" / "prototypes.h5")
    found, masks = {}, {}
    with h5py.File(chain / "counterfactuals" / "counterfactuals.h5", "r") as file:
        for place, method in example.index:
            changed = from_units(file["signals"][place])
            found[method] = _labelled(explained, f"Counterfactual for {target}, {method}", changed)
            masks[method] = changed != signal

    def overlay(method: str) -> Figure:
        if method not in found:
            return _text_figure(f"'counterfactuals.methods' has no {method}.", banner)
        return overlay_figure(query, found[method], masks[method], banner=banner)

    figures = {"query": query_figure(query, banner)} | {name: overlay(name) for name in METHODS[1:]}
    if PAPER_METHODS[-1] not in found:
        missing = overlay(PAPER_METHODS[-1])
        return dict.fromkeys(QUERY_FIGURES, missing) | figures
    of_paper = example.xs(PAPER_METHODS[-1], level="method")["prototype_ecg_id"].iloc[0]
    donor = int(np.flatnonzero(prototypes.ecg_ids == of_paper)[0])
    prototype = _labelled(explained, f"Prototype {prototypes.ecg_ids[donor]}", prototypes.signals_mv[donor])
    aligned = align(
        prototype.signal_mv, find_r_peaks(prototype.signal_mv).samples, find_r_peaks(signal).samples
    )
    last, mask = found[PAPER_METHODS[-1]], masks[PAPER_METHODS[-1]]
    values = _attribution(explained, last.signal_mv, target, attribution, ecg_id)
    heat = Heat(values, target, "the counterfactual", MEANINGS[attribution.method])
    return figures | {
        "prototype": prototype_figure(prototype, target, banner),
        "original": overlay_figure(query, prototype, banner=banner),
        "aligned": _text_figure("The prototype cannot be aligned: fewer than two R-peaks.", banner)
        if aligned is None
        else overlay_figure(
            query, _labelled(explained, f"{prototype.name}, aligned", aligned), banner=banner
        ),
        "heat": overlay_figure(query, last, mask, heat, banner),
    }


def _labelled(explained: Explained, name: str, signal_mv: NDArray[np.float32]) -> Labelled:
    probabilities = explained.black_box.probabilities(signal_mv[None])
    (labels,) = explained.classifier.labels(probabilities)
    return Labelled(name, signal_mv, probabilities[0], labels)


def _attribution(
    explained: Explained,
    signal_mv: NDArray[np.float32],
    superclass: str,
    params: AttributeParams,
    ecg_id: int,
) -> NDArray[np.float32]:
    """Attributions (1000, 12) of one logit of a counterfactual, with the draws of its query."""
    model = explained.classifier.backbone
    background = make_background(model, explained.stored_mv("background"), LARGEST_BATCH)
    settings, seed = without_shap(params.settings()), (params.seed, ecg_id)
    classes = [SUPERCLASSES.index(superclass)]
    (values,) = attribute_record(model, signal_mv, background, classes, settings, seed).values
    return np.asarray(values)


def _text_figure(text: str, banner: str | None) -> Figure:
    """A sentence where a figure cannot be."""
    with drawing():
        figure = new_figure(6.0, 1.0)
        figure.text(0.5, 0.5, text, ha="center", va="center")
        add_banner(figure, banner)
    return figure


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (arm,) = sys.argv[1:]
    params = read_section(ReportParams, "report")
    attribution = read_section(AttributeParams, "attribute")
    cohort = read_section(CohortParams, "cohort")
    sources = Sources.of_arm(arm, read_section(ComputeParams, "compute").threads)
    with output_folder("report") as out:
        explained = Explained.load(sources)
        report(out, explained, OUT, params, attribution, simulated=cohort.simulated)


if __name__ == "__main__":
    run(main)
