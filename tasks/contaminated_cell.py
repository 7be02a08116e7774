"""A cell of a comparison whose training records have known noise and wrong labels, and whether it tells them.

`python -m tasks.contaminated_cell CELL.json` is `tasks.cell` on such records.
"""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tasks.cell import read_cell, run_cell
from tasks.learning import LearningData
from tasks.params.compare import ContaminationParams
from tasks.stage import OUT, run, unchanged_code
from veribeat.errors import InputError
from veribeat.metrics.classification import Json
from veribeat.simulation.contamination import KINDS, Contamination, contaminate


def contaminated(data: LearningData, params: ContaminationParams) -> tuple[LearningData, pd.DataFrame]:
    """The same data with noise on some training records and other labels on some; validation stays as it is.

    The table has a row per training record: `noise`, its kind or "", and `flipped`, whether the labels are another's.
    Beats, where a selection needs them, stay those of the clean records: the question is about maps, not delineation.
    """
    low, high = params.snr_db
    wanted = Contamination(params.record_share, (low, high), params.label_share, params.seed)
    signals, targets, truth = contaminate(data.signals, data.train_rows, data.train_targets, wanted)
    return replace(data, train_signals=signals, train_targets=targets), truth


def detection(samples: pd.DataFrame, truth: pd.DataFrame) -> Json:
    """How well what a training knows of its records finds the contaminated ones, as AUROC (0.5: not at all).

    Args:
        samples: per training record kept, dropped, considered, difficulty, focus (`SampleState.table`).
        truth: per training record noise and flipped.

    Among records that were ever candidates: `dropped`, by the share of the epochs as a candidate in which the filter
    took it out, and `focus`, by low mean focus; each for noise of any kind against clean records, by kind, and for
    flipped labels. Among all records: `difficulty` for flipped labels and for noise. None where one side is empty.
    """
    candidate = (samples["considered"] > 0).to_numpy()
    dropped = (samples["dropped"] / samples["considered"].clip(lower=1)).to_numpy()
    focus = samples["focus"].to_numpy()
    scores = {"dropped": dropped, "focus": -focus, "difficulty": samples["difficulty"].to_numpy()}
    noisy, flipped = (truth["noise"] != "").to_numpy(), truth["flipped"].to_numpy(dtype=bool)
    clean = ~noisy & ~flipped
    wanted = {"noise": noisy, "flipped": flipped & ~noisy}
    wanted |= {f"noise_{kind}": (truth["noise"] == kind).to_numpy() for kind in KINDS}
    found: Json = {
        f"{score}_finds_{name}": _auroc(
            values,
            mask,
            clean,
            known=candidate & ~np.isnan(values) if score != "difficulty" else clean | mask,
        )
        for (score, values), (name, mask) in product(scores.items(), wanted.items())
    }
    return {
        **found,
        "candidates": int(candidate.sum()),
        "candidates_noisy": int((candidate & noisy).sum()),
        "candidates_flipped": int((candidate & flipped).sum()),
    }


def _auroc(
    score: NDArray[np.floating],
    wanted: NDArray[np.bool_],
    others: NDArray[np.bool_],
    known: NDArray[np.bool_],
) -> float | None:
    used = known & (wanted | others)
    if len(np.unique(wanted[used])) < 2:
        return None
    return float(roc_auc_score(wanted[used], score[used]))


def main() -> None:
    """Run the cell in the file named on the command line."""
    with unchanged_code():
        cell = read_cell()
        if cell.contamination is None:
            raise InputError(f"The cell {cell.out} says nothing of contamination: run it by tasks.cell.")
        data, truth = contaminated(LearningData.read(OUT / "ingest", OUT / "split"), cell.contamination)
        run_cell(cell, data, partial(detection, truth=truth))


if __name__ == "__main__":
    run(main)
