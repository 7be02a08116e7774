"""Two processes that share a batch select what one process selects of the whole."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from models.backbones.registry import build_backbone
from models.batches import BatchIndex, EpochBatches, StoredSignals
from models.runtime import make_deterministic
from models.selection.cost import Cost
from models.selection.registry import build_strategy
from models.selection.scoring import Scorer
from models.selection.selector import Selector
from models.selection.state import SampleState

RECORDS = 24
SETTINGS: dict[str, Any] = {
    "warm_up": 0,
    "revision": 2,
    "confidence": "mean",
    "threshold": 0.51,
    "keep": 0.5,
    "cam": "grad_cam",
    "focus": "topk_mass",
}


def _selected(part: slice, checkpoint: Path) -> list[int]:
    """Positions that a process with `part` of the batch trains on, from the weights of one checkpoint."""
    make_deterministic(1)
    rng = np.random.default_rng(0)
    targets = rng.random((RECORDS, 5)) < 0.4
    signals = rng.normal(0, 300, (RECORDS, 400, 12)).astype(np.int16)
    train = StoredSignals(signals, np.arange(RECORDS), targets)
    backbone = build_backbone("cnn_gru_flow")
    backbone.load_state_dict(torch.load(checkpoint, weights_only=True))
    strategy = build_strategy("erts", **SETTINGS)
    scorer = Scorer(backbone, strategy, SampleState(RECORDS), Cost(RECORDS))
    selector = Selector(strategy, train, EpochBatches(RECORDS, RECORDS, seed=1), scorer, epochs=2, seed=1)
    selector.prepare(0)
    positions = np.random.default_rng(5).permutation(RECORDS)[part]
    batch = train[BatchIndex(positions, np.zeros_like(positions))]
    selector.thin_out(batch)
    return sorted(batch["positions"].tolist())


def _process(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    part = (slice(0, 11), slice(11, RECORDS))[rank]
    (folder / f"{rank}.json").write_text(json.dumps(_selected(part, folder / "weights")))
    dist.destroy_process_group()


@pytest.mark.timeout(120)
def test_two_processes_select_what_one_selects(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(build_backbone("cnn_gru_flow").state_dict(), tmp_path / "weights")
    alone = _selected(slice(0, RECORDS), tmp_path / "weights")
    assert 2 < len(alone) < RECORDS - 2
    processes = [
        multiprocessing.get_context("spawn").Process(target=_process, args=(rank, tmp_path))
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    parts = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert sorted(parts[0] + parts[1]) == alone
    # Not what each would select of its own part: the decision is over the whole batch.
    apart = _selected(slice(0, 11), tmp_path / "weights") + _selected(
        slice(11, RECORDS), tmp_path / "weights"
    )
    assert sorted(apart) != alone
