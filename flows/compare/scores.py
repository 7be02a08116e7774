"""What the cells of a comparison come to, arm by arm: metrics, differences to the reference, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows.compare.cells import FORWARDS_PER_EPOCH
from flows.compare.ledger import FinishedCell
from flows.workspace import Workspace
from tasks.params.compare import CompareParams
from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.bootstrap import Bootstrap
from veribeat.metrics.paired import SeedScores, paired_difference, resampled_scores, seed_averages

F1 = ("calibrated", "f1_macro")
AUROC = ("ranking", "auroc_macro")


@dataclass(frozen=True)
class HeldOutRecords:
    """Targets (N, 5) and patients (N,) of the test records, in the order of the cells' predictions."""

    targets: NDArray[np.bool_]
    patients: NDArray[np.int64]

    @classmethod
    def of(cls, place: Workspace) -> "HeldOutRecords":
        """From the outputs of `ingest` and `split`."""
        out = place.path / "out"
        roles = pd.read_parquet(out / "split" / "roles.parquet")
        rows = roles.loc[roles["test"], "row"].to_numpy()
        records = pd.read_parquet(out / "ingest" / "records.parquet", columns=["patient_id", *SUPERCLASSES])
        used = records.iloc[rows]
        return cls(used[list(SUPERCLASSES)].to_numpy(dtype=bool), used["patient_id"].to_numpy())


def arms_of(cells: Sequence[FinishedCell]) -> dict[str, list[FinishedCell]]:
    """The cells by arm, in their order, each arm's by seed."""
    arms: dict[str, list[FinishedCell]] = {}
    for cell in cells:
        arms.setdefault(cell.arm, []).append(cell)
    return {arm: sorted(own, key=lambda cell: cell.seed) for arm, own in arms.items()}


def compare_arms(
    cells: Sequence[FinishedCell], test: HeldOutRecords, params: CompareParams, reference: str
) -> pd.DataFrame:
    """One row per arm, in the order of the cells.

    Columns: arm, seeds; macro-F1 and macro-AUROC on the test records as mean over seeds with a patient-level interval
    and the standard deviation of seeds; their difference to `reference` on the seeds that both have, paired, with its
    interval; effective epochs, forward-equivalents per training record and minutes (wall, processor), as means over
    seeds, and forward-equivalents and minutes over those of the reference's same seeds.

    Raises:
        InputError: a cell's predictions are of other records.
    """
    bootstrap = Bootstrap(**params.bootstrap.model_dump())
    arms = arms_of(cells)
    for cell in cells:
        if len(cell.arrays["test"]) != len(test.targets):
            raise InputError(
                f"{cell.file} is of other test records: remove it, and its cell is trained again."
            )

    def scores(own: Sequence[FinishedCell]) -> SeedScores:
        return resampled_scores(
            [cell.arrays["test"].astype(np.float64) for cell in own],
            [cell.thresholds for cell in own],
            test.targets,
            test.patients,
            bootstrap,
        )

    made: dict[tuple[str, tuple[int, ...]], SeedScores] = {}

    def scores_of(arm: str, seeds: tuple[int, ...]) -> SeedScores:
        if (arm, seeds) not in made:
            made[arm, seeds] = scores([cell for cell in arms[arm] if cell.seed in seeds])
        return made[arm, seeds]

    rows = []
    for arm, own in arms.items():
        seeds = tuple(cell.seed for cell in own)
        averages = seed_averages(scores_of(arm, seeds), bootstrap.level).set_index(["block", "metric"])
        row: dict[str, object] = {"arm": arm, "seeds": len(own)}
        for name, key in {"f1_macro": F1, "auroc_macro": AUROC}.items():
            row |= {name: averages.loc[key, "estimate"], f"{name}_seed_sd": averages.loc[key, "seed_sd"]}
            row |= {f"{name}_{end}": averages.loc[key, end] for end in ("low", "high")}
        row |= {f"recall_{c}": _mean(own, "recall_by_class", c) for c in SUPERCLASSES}
        row |= {f"f1_{c}": _mean(own, "f1_by_class", c) for c in SUPERCLASSES}
        row |= _cost(own)
        others = {cell.seed: cell for cell in arms.get(reference, [])}
        common = tuple(seed for seed in seeds if seed in others)
        if common and arm != reference:
            difference = paired_difference(
                scores_of(arm, common), scores_of(reference, common), bootstrap.level
            ).set_index(["block", "metric"])
            for name, key in {"f1_macro": F1, "auroc_macro": AUROC}.items():
                row |= {f"{name}_difference": difference.loc[key, "estimate"]}
                row |= {f"{name}_difference_{end}": difference.loc[key, end] for end in ("low", "high")}
            mine = _cost([cell for cell in own if cell.seed in common])
            theirs = _cost([others[seed] for seed in common])
            row |= {f"{name}_ratio": mine[name] / theirs[name] for name in mine}
            row["paired_seeds"] = len(common)
        rows.append(row)
    return pd.DataFrame(rows)


def _cost(cells: Sequence[FinishedCell]) -> dict[str, float]:
    costs = pd.DataFrame([cell.content["cost"] for cell in cells])
    return {
        "effective_epochs": float(costs["effective_epochs"].mean()),
        "forward_equivalents": float(costs["forward_equivalents"].mean()),
        "wall_minutes": float(costs["wall_seconds"].mean() / 60),
        "processor_minutes": float(costs["cpu_seconds"].mean() / 60),
    }


def _mean(cells: Sequence[FinishedCell], metric: str, superclass: str) -> float:
    values = [cell.content["metrics"]["test"]["calibrated"][metric][superclass] for cell in cells]
    return float(np.mean([np.nan if value is None else value for value in values]))


def conclusion(row: Mapping[str, object], reference: str) -> str:
    """What a row of `compare_arms` says about its arm, in a sentence."""
    low, high = (_number(row[f"f1_macro_difference_{end}"]) for end in ("low", "high"))
    if low > 0:
        verdict = "better"
    elif high < 0:
        verdict = "worse"
    else:
        verdict = "not told apart"
    return (
        f"{row['arm']}: {_number(row['f1_macro_difference']):+.4f} ({low:+.4f} to {high:+.4f}) macro-F1 against"
        f" {reference} at {_number(row['forward_equivalents_ratio']):.2f} of its forward-equivalents and"
        f" {_number(row['processor_minutes_ratio']):.2f} of its processor time: {verdict}."
    )


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value


def epochs_worth(forward_equivalents: float) -> float:
    """In epochs on all records."""
    return forward_equivalents / FORWARDS_PER_EPOCH
