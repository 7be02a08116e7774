"""Several processes that share a training: each batch is shared out, and all come to the same result."""

import multiprocessing
import os
import pickle
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as lightning
import torch
import torch.distributed as dist
from torch import Tensor, nn

from models.backbones.base import Backbone
from models.backbones.registry import build_backbone
from models.batches import Batch, BatchIndex, StoredSignals
from models.processes import gather, loss_weight, part
from models.runtime import make_deterministic
from models.selection.beat_focus import RecordBeats
from models.selection.registry import build_strategy
from models.training import Recipe, TrainingResult, fit

RECORDS = 53  # in batches of 16, 16, 16 and 5
SAMPLES = 270
EPOCHS = 4
PDD = {"warm_up": 1, "revision": 3, "confidence": "mean", "quantile": 0.7, "threshold": None}
ERTS = {**PDD, "keep": 0.6, "cam": "hires_cam", "focus": "topk_mass"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("full", {}),
    "infobatch": ("infobatch", {}),
    "pdd by batch": ("pdd", {**PDD, "at": "batch"}),
    "erts by batch": ("erts", {**ERTS, "at": "batch", "cam": "grad_cam"}),
    "erts by epoch": ("erts", {**ERTS, "at": "epoch", "refresh": 1}),
    "erts for nothing": ("erts", {**ERTS, "at": "epoch", "refresh": None, "harvest": True}),
    "erts at random": ("erts", {**ERTS, "at": "batch", "focus": "random"}),
    "erts by beats": ("erts", {**ERTS, "at": "epoch", "focus": "beat_coherence"}),
}


class Plain(Backbone):
    """Without anything that depends on which records share a pass: its gradients are those of the whole batch."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(12, 8, 9, stride=4)
        self.head = nn.Linear(8, 5)

    def features(self, signals: Tensor, layer: int = -1) -> Tensor:
        return torch.tanh(self.convolution(signals.transpose(1, 2)))

    def classify(self, features: Tensor, layer: int = -1) -> Tensor:
        logits: Tensor = self.head(features.mean(dim=2))
        return logits

    def forward(self, signals: Tensor) -> Tensor:
        return self.classify(self.features(signals))


def _cohort(records: int, seed: int, kind: type[StoredSignals] = StoredSignals) -> StoredSignals:
    rng = np.random.default_rng(seed)
    targets = rng.random((records, 5)) < 0.4
    signals = rng.normal(0, 100, (records, SAMPLES, 12)) + 1000 * targets[:, :1, None]
    return kind(signals.astype(np.int16), np.arange(records), targets, crop_samples=250)


class Interrupted(StoredSignals):
    """Ends the training in its fourth epoch, as a kill would."""

    def __getitem__(self, batch: BatchIndex) -> Batch:
        self.batches = getattr(self, "batches", 0) + 1
        if self.batches > 3:
            raise InterruptedError
        return super().__getitem__(batch)


def _interrupt(*arguments: Any) -> None:
    with pytest.raises(InterruptedError):
        _train(*arguments, validation=Interrupted)


def _train(
    case: str,
    backbone: str,
    devices: int,
    resume: Path | None = None,
    validation: type[StoredSignals] = StoredSignals,
) -> TrainingResult:
    make_deterministic(1)
    lightning.seed_everything(3, verbose=False)
    name, settings = CASES[case]
    peaks = torch.arange(10, SAMPLES, 50, dtype=torch.int16).repeat(RECORDS, 1)
    recipe = Recipe(
        max_epochs=EPOCHS,
        patience=None,
        learning_rate=0.01,
        batch_size=16,
        gradient_clip_norm=1.0,
        seed=5,
        judge="val_f1_macro",
        devices=devices,
    )
    return fit(
        Plain() if backbone == "plain" else build_backbone(backbone),
        _cohort(RECORDS, 0),
        _cohort(23, 1, validation),
        recipe,
        resume,
        build_strategy(name, **settings),
        RecordBeats(torch.ones(RECORDS, SAMPLES, dtype=torch.bool), peaks),
    )


def _one_of_two(rank: int, port: int, folder: Path, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        NODE_RANK="0",
        WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    results = [_CALLS[name](*arguments) for name, arguments in calls]
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(results))


def _in_two(folder: Path, *calls: tuple[str, tuple[Any, ...]]) -> list[tuple[Any, Any]]:
    """What two processes return that make the same calls side by side: a pair for each call."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_one_of_two, args=(rank, port, folder, list(calls))) for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    first, second = (pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(2))
    return list(zip(first, second, strict=True))


def _shared_out(records: int) -> tuple[list[int], float, Tensor]:
    """The part of a batch, its weight, and the whole again."""
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    whole = torch.arange(records * 2, dtype=torch.float32).reshape(records, 2)
    own = whole[part(records)]
    return own[:, 0].tolist(), loss_weight(records), gather(own, records)


_CALLS = {"shared out": _shared_out, "train": _train, "interrupt": _interrupt}


def test_a_process_that_is_alone_has_everything() -> None:
    whole = torch.arange(6.0)
    assert torch.equal(whole[part(6)], whole)
    assert loss_weight(6) == 1
    assert gather(whole, 6) is whole


@pytest.mark.timeout(120)
def test_every_record_is_someones_and_weighs_the_same(tmp_path: Path) -> None:
    sizes = (4, 5, 8, 3, 1)
    pairs = _in_two(tmp_path / "two", *(("shared out", (size,)) for size in sizes))
    for size, ((first, weight, again), (second, other_weight, and_again)) in zip(sizes, pairs, strict=True):
        whole = torch.arange(size * 2, dtype=torch.float32).reshape(size, 2)
        assert torch.equal(again, whole)
        assert torch.equal(and_again, whole)
        if size < 4:  # too few to go round
            assert first == second == whole[:, 0].tolist()
            assert weight == other_weight == 1
        else:
            assert sorted(first + second) == whole[:, 0].tolist()
            assert abs(len(first) - len(second)) <= 1
            assert weight / 2 / len(first) == pytest.approx(1 / size)
            assert other_weight / 2 / len(second) == pytest.approx(1 / size)


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, str], tuple[TrainingResult, TrainingResult]]:
    """Of each case and backbone what both processes return."""
    wanted = [
        *((case, "plain") for case in CASES),
        ("erts for nothing", "cnn_gru_flow"),
        ("full", "resnet1d"),
    ]
    calls = [("train", (case, backbone, 2)) for case, backbone in wanted]
    return dict(zip(wanted, _in_two(tmp_path_factory.mktemp("processes"), *calls), strict=True))


def _assert_same(one: TrainingResult, other: TrainingResult) -> None:
    assert one.best_epoch == other.best_epoch
    for name, value in one.best_state.items():
        assert torch.equal(value, other.best_state[name]), name
    for table in ("history", "selection", "samples"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)
    assert one.cost == other.cost


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES)
def test_two_processes_come_to_what_one_comes_to(
    case: str, shared: dict[tuple[str, str], tuple[TrainingResult, TrainingResult]]
) -> None:
    first, second = shared[case, "plain"]
    _assert_same(first, second)
    alone = _train(case, "plain", 1)
    assert first.best_epoch == alone.best_epoch
    for name, value in alone.best_state.items():
        torch.testing.assert_close(first.best_state[name], value, atol=2e-5, rtol=1e-4)
    pd.testing.assert_frame_equal(first.history, alone.history, rtol=1e-4)
    counts = ["kept", "dropped", "considered"]
    pd.testing.assert_frame_equal(first.samples[counts], alone.samples[counts])
    pd.testing.assert_frame_equal(first.samples, alone.samples, rtol=1e-3)
    pd.testing.assert_frame_equal(first.selection, alone.selection, rtol=1e-3)
    assert first.cost == alone.cost
    if case != "full":
        assert first.samples["kept"].sum() < EPOCHS * RECORDS


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("case", "backbone"), [("erts for nothing", "cnn_gru_flow"), ("full", "resnet1d")])
def test_both_end_with_the_same_network(
    case: str, backbone: str, shared: dict[tuple[str, str], tuple[TrainingResult, TrainingResult]]
) -> None:
    _assert_same(*shared[case, backbone])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_they_go_on_from_a_resume_point_to_the_same_bytes(
    tmp_path: Path, shared: dict[tuple[str, str], tuple[TrainingResult, TrainingResult]]
) -> None:
    case, resume = "erts for nothing", tmp_path / "resume"
    arguments = (case, "cnn_gru_flow", 2, resume)
    _in_two(tmp_path / "begun", ("interrupt", arguments))
    assert resume.is_file()
    ((first, second),) = _in_two(tmp_path / "ended", ("train", arguments))
    _assert_same(first, shared[case, "cnn_gru_flow"][0])
    _assert_same(second, first)
