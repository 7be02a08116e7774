"""Stage `attribute`: what each sample of each lead contributed to the classes that are predicted for the pool."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.attribution import attribute_record, load_method
from tasks.explained import Explained, Sources, run_resumable
from tasks.many_items import Results, Work, complete
from tasks.params.attribute import AttributeParams
from tasks.params.reading import read_section
from tasks.params.runner import Runner, read_runner
from tasks.stage import run, write_json
from veribeat.attribution.base import LARGEST_BATCH, make_background
from veribeat.attribution.importance import lead_shares
from veribeat.attribution.settings import UNITS
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES

ROW = np.dtype(
    [
        ("values", np.float32, (RECORD_SAMPLES, len(LEADS))),
        ("logit", np.float32),
        ("baseline_logit", np.float32),
        ("monte_carlo_error", np.float32),
        ("draws", np.int32),
    ]
)
"""One record and class."""


@dataclass(frozen=True)
class AttributeWorker:
    """Attributes the predicted classes of one record of the pool at a time."""

    sources: Sources
    params: AttributeParams

    def prepare(self) -> Work:
        """Load the model, the pool and the backgrounds."""
        explained = Explained.load(self.sources)
        rows = explained.rows("pool")
        predicted = explained.predicted_labels(rows)
        ecg_ids = explained.ecg_ids(rows)
        model = explained.classifier.backbone
        background = make_background(model, explained.stored_mv("background"), LARGEST_BATCH)
        settings = self.params.settings()

        def attribute(item: int) -> NDArray[np.void]:
            classes = np.flatnonzero(predicted[item])
            seed = (self.params.seed, int(ecg_ids[item]))
            (signal,) = explained.signals_mv(rows[item : item + 1])
            found = attribute_record(model, signal, background, classes.tolist(), settings, seed)
            row = np.empty(len(classes), ROW)
            row["values"] = found.values
            row["logit"] = found.logits
            row["baseline_logit"] = found.baseline_logits
            row["monte_carlo_error"] = found.monte_carlo_error
            row["draws"] = found.draws
            return row

        return attribute


def attribute(
    out: Path, explained: Explained, params: AttributeParams, resume: Path, runner: Runner = "local"
) -> None:
    """Write attributions.h5 (rows, 1000, 12), their index, lead_importance.csv and attribute.json.

    A row is a record of the pool and one of the classes predicted for it, in the order of records and classes.
    What a method leaves undefined (see `Attribution`) is NaN there, and null in attribute.json. `resume` keeps finished
    records through a kill.
    """
    rows = explained.rows("pool")
    predicted = explained.predicted_labels(rows)
    results = Results(resume, predicted.sum(axis=1).tolist(), ROW)
    found = complete(results, AttributeWorker(explained.sources, params), "attribute, records", runner=runner)

    records, classes = np.nonzero(predicted)
    index = pd.DataFrame(
        {
            "ecg_id": explained.ecg_ids(rows)[records],
            "superclass": np.array(SUPERCLASSES)[classes],
            **{name: found[name] for name in ("logit", "baseline_logit", "monte_carlo_error", "draws")},
        }
    )
    index.to_parquet(out / "attributions.parquet", index=False)
    write_attributions(out / "attributions.h5", found["values"], index, UNITS[params.method])
    leads = _lead_importance(found["values"], index["superclass"])
    leads.to_csv(out / "lead_importance.csv", float_format="%.6f", lineterminator="\n")
    write_json(out / "attribute.json", _metrics(found, len(rows)))


def write_attributions(path: Path, values: NDArray[np.float32], index: pd.DataFrame, unit: str) -> None:
    """Write attributions (rows, 1000, 12), what each row is about, and their unit; same input, same bytes.

    In one pass and in order: where HDF5 puts a chunk depends on when it was written.
    """
    with h5py.File(path, "w") as file:
        file["ecg_id"] = index["ecg_id"].to_numpy(dtype=np.int64)
        file["superclass"] = index["superclass"].to_numpy(dtype="S4")
        file["monte_carlo_error"] = index["monte_carlo_error"].to_numpy(dtype=np.float32)
        shape = (len(values), RECORD_SAMPLES, len(LEADS))
        stored = file.create_dataset(
            "values", shape, np.float32, chunks=(1, *shape[1:]) if len(values) else None
        )
        for row, value in enumerate(values):
            stored[row] = value
        stored.attrs["axes"] = "row, sample, lead"
        stored.attrs["leads"] = list(LEADS)
        stored.attrs["unit"] = unit


def _lead_importance(values: NDArray[np.float32], superclasses: pd.Series) -> pd.DataFrame:
    """Mean share (0-1) of |attribution| by superclass and lead; superclasses that are never predicted are left out."""
    shares = pd.DataFrame(lead_shares(values), columns=list(LEADS)).groupby(superclasses.to_numpy()).mean()
    return shares.reindex([name for name in SUPERCLASSES if name in shares.index]).rename_axis("superclass")


def _metrics(found: NDArray[np.void], records: int) -> dict[str, float | int | None]:
    """NaN where a method leaves a number undefined becomes None, as without rows."""
    errors = found["monte_carlo_error"].astype(np.float64)
    sums = found["values"].sum(axis=(1, 2), dtype=np.float64)
    gaps = np.abs(sums - (found["logit"] - found["baseline_logit"]))
    return {
        "records": records,
        "rows": len(found),
        "median_draws": _rounded(np.median, found["draws"]),
        "median_monte_carlo_error": _rounded(np.median, errors),
        "largest_monte_carlo_error": _rounded(np.max, errors),
        "median_completeness_gap": _rounded(np.median, gaps),
    }


def _rounded(summary: Callable[[NDArray], np.floating], numbers: NDArray) -> float | None:
    value = float(summary(numbers)) if len(numbers) else np.nan
    return None if np.isnan(value) else round(value, 6)


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (arm,) = sys.argv[1:]
    params = read_section(AttributeParams, "attribute")
    runner = read_runner()
    load_method(params.method)  # so that its module, too, counts in the key
    run_resumable(
        "attribute",
        arm,
        [params],
        lambda out, explained, resume: attribute(out, explained, params, resume, runner),
    )


if __name__ == "__main__":
    run(main)
