"""The backbone, the batches and the training loop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as lightning
import torch

from models.backbones.cnn_gru_flow import AffineCoupling, CnnGruFlow
from models.backbones.registry import NAMES, build_backbone
from models.batches import Batch, BatchIndex, EpochBatches, StoredSignals, batch_loader
from models.runtime import make_deterministic
from models.training import Recipe, TrainingResult, fit
from veribeat.errors import InputError

RECIPE = Recipe(max_epochs=4, patience=2, learning_rate=0.01, batch_size=8, gradient_clip_norm=1.0, seed=5)


def _cohort(records: int, seed: int = 0) -> StoredSignals:
    """Records whose first class is a 1 mV offset, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    targets = rng.random((records, 5)) < 0.4
    signals = rng.normal(0, 100, (records, 260, 12)) + 1000 * targets[:, :1, None]
    return StoredSignals(signals.astype(np.int16), np.arange(records), targets)


def _fit(recipe: Recipe = RECIPE) -> TrainingResult:
    return _fit_on(_cohort(40), recipe)


def _fit_on(
    train: StoredSignals, recipe: Recipe, resume: Path | None = None, name: str = "cnn_gru_flow"
) -> TrainingResult:
    make_deterministic(1)
    lightning.seed_everything(recipe.seed, verbose=False)
    backbone = build_backbone(name)
    backbone.normalise.set_statistics(0.0, 0.5)
    return fit(backbone, train, _cohort(24, seed=1), recipe, resume)


def test_every_backbone_maps_signals_to_five_logits() -> None:
    for name in NAMES:
        assert build_backbone(name).eval()(torch.zeros(2, 1000, 12)).shape == (2, 5)
    with pytest.raises(InputError, match="choose one of cnn_gru_flow, resnet1d"):
        build_backbone("other")


def test_the_network_has_the_papers_layers() -> None:
    parameters = {
        name: sum(p.numel() for p in module.parameters()) for name, module in CnnGruFlow().named_children()
    }
    convolutions = (12 * 16 * 5 + 16) + 2 * 16 + (16 * 32 * 5 + 32) + 2 * 32
    gru = 3 * (32 * 64 + 64 * 64 + 2 * 64)
    coupling = 2 * ((32 * 64 + 64) + (64 * 32 + 32))  # a scale and a translation MLP
    head = (64 * 32 + 32) + (32 * 5 + 5)
    assert parameters == {
        "normalise": 0, "convolutions": convolutions, "gru": gru, "flow": 2 * coupling, "head": head
    }  # fmt: skip


@pytest.mark.parametrize("transform_first", [False, True])
def test_a_coupling_keeps_one_half_and_can_be_undone(transform_first: bool) -> None:
    torch.manual_seed(0)
    coupling = AffineCoupling(8, 16, transform_first=transform_first)
    z = torch.randn(3, 8)
    out = coupling(z)
    kept, moved = (slice(4, 8), slice(0, 4)) if transform_first else (slice(0, 4), slice(4, 8))
    assert torch.equal(out[:, kept], z[:, kept])
    restored = (out[:, moved] - coupling.translate(z[:, kept])) * torch.exp(-coupling.scale(z[:, kept]))
    torch.testing.assert_close(restored, z[:, moved])


def test_normalisation_is_the_papers_and_travels_with_the_weights() -> None:
    backbone = CnnGruFlow()
    backbone.normalise.set_statistics(-0.5, 0.25)
    torch.testing.assert_close(backbone.normalise(torch.tensor([0.0])), torch.tensor([0.5 / (0.25 + 1e-7)]))
    other = CnnGruFlow()
    other.load_state_dict(backbone.state_dict())
    assert other.normalise.std.item() == 0.25


def test_batches_cover_an_epoch_once_in_an_order_of_its_own() -> None:
    batches = EpochBatches(10, 4, seed=3)
    epochs = []
    for epoch in (0, 1, 0):
        batches.set_epoch(epoch)
        epochs.append([batch.positions.tolist() for batch in batches])
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2]
    assert sorted(position for batch in epochs[0] for position in batch) == list(range(10))
    assert epochs[0] == epochs[2] != epochs[1]
    assert [len(batch.positions) for batch in EpochBatches(9, 4, seed=3)] == [4, 5]  # none alone
    assert [len(EpochBatches(length, 4, seed=None)) for length in (1, 4, 5, 9, 10)] == [1, 1, 1, 2, 3]
    stored = [batch.positions.tolist() for batch in EpochBatches(5, 2, seed=None)]
    assert stored == [[0, 1], [2, 3, 4]]


def test_each_epoch_crops_each_record_elsewhere_and_anywhere() -> None:
    batches = EpochBatches(2000, 2000, seed=3, latest_start=3)
    (first,) = batches
    batches.set_epoch(1)
    (second,) = batches
    assert np.bincount(first.starts, minlength=4).min() > 400  # each of the four starts is as likely
    assert len(np.bincount(first.starts)) == 4
    by_record = [batch.starts[np.argsort(batch.positions)] for batch in (first, second)]
    assert not np.array_equal(*by_record)


def test_a_crop_is_a_stretch_of_its_own_record() -> None:
    signals = np.arange(3 * 10 * 12, dtype=np.int16).reshape(3, 10, 12)
    cohort = StoredSignals(signals, np.array([2, 0]), np.eye(2, 5, dtype=bool), crop_samples=4)
    batch = cohort[BatchIndex(np.array([1, 0]), np.array([6, 1]))]
    expected = np.stack((signals[0, 6:10], signals[2, 1:5])) / 1000
    np.testing.assert_allclose(batch["signals"].numpy(), expected, rtol=1e-6)
    assert batch["targets"].argmax(dim=1).tolist() == [1, 0]


def test_batches_hold_millivolts_and_their_own_targets() -> None:
    signals = np.arange(4 * 2 * 12, dtype=np.int16).reshape(4, 2, 12)
    targets = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]], dtype=bool)
    (batch,) = list(batch_loader(StoredSignals(signals, np.array([3, 1]), targets), 2, seed=None))
    np.testing.assert_allclose(batch["signals"].numpy(), signals[[3, 1]] / 1000, rtol=1e-6)
    assert batch["targets"].tolist() == targets.astype(float).tolist()


def test_training_is_repeatable_and_returns_the_best_epoch() -> None:
    first, second = _fit(), _fit()
    pd.testing.assert_frame_equal(first.history, second.history, check_exact=True)
    for name, value in first.best_state.items():
        assert torch.equal(value, second.best_state[name]), name
    assert first.best_epoch == first.history["val_loss"].idxmin()

    backbone = build_backbone("cnn_gru_flow")
    backbone.load_state_dict(first.best_state)
    batch = next(iter(batch_loader(_cohort(24, seed=1), 24, seed=None)))
    logits = backbone.eval()(batch["signals"])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch["targets"]).item()
    assert loss == pytest.approx(first.history["val_loss"].min(), rel=1e-5)


def test_training_learns_and_stops_after_its_patience() -> None:
    result = _fit(Recipe(200, 3, 0.02, 8, 1.0, seed=5))
    history = result.history
    assert history["val_loss"].min() < history["val_loss"].iloc[0]
    assert len(history) == result.best_epoch + 1 + 3 < 200


def test_each_epoch_sees_another_order() -> None:
    orders: list[list[int]] = []

    class Watched(StoredSignals):
        def __getitem__(self, batch: BatchIndex) -> Batch:
            orders.append(batch.positions.tolist())
            return super().__getitem__(batch)

    cohort = _cohort(12)
    make_deterministic(1)
    fit(
        build_backbone("cnn_gru_flow"),
        Watched(cohort.signals, cohort.rows, np.zeros((12, 5), dtype=bool)),
        _cohort(4),
        Recipe(2, 5, 0.001, 12, 1.0, seed=1),
    )
    assert len(orders) == 2
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(InputError, match="no longer finite at epoch"):
        _fit(Recipe(5, 5, 1e20, 8, 1.0, seed=5))


class _Killed(Exception):
    pass


class _Mortal(StoredSignals):
    """Stops the training at its `lives`-th batch."""

    def __init__(self, whole: StoredSignals, lives: int, crop_samples: int | None) -> None:
        super().__init__(whole.signals, whole.rows, np.asarray(whole.targets, dtype=bool), crop_samples)
        self.lives = lives

    def __getitem__(self, batch: BatchIndex) -> Batch:
        self.lives -= 1
        if self.lives < 0:
            raise _Killed
        return super().__getitem__(batch)


FAST = replace(
    RECIPE, max_epochs=5, patience=None, schedule="one_cycle", weight_decay=0.1, precision="bfloat16"
)
CASES = {
    "constant rate": ("cnn_gru_flow", RECIPE, None),
    "schedule, half precision, crops": ("cnn_gru_flow", FAST, 60),
    "dropout": ("resnet1d", replace(FAST, max_epochs=3), 60),
}


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_training_ends_in_the_same_weights(case: str, tmp_path: Path) -> None:
    name, recipe, crop = CASES[case]
    immortal = _fit_on(_Mortal(_cohort(40), 10**6, crop), recipe, name=name)
    resume = tmp_path / "point"
    for lives in (
        7,
        6,
        1,
    ):  # five batches an epoch: in the second epoch, in the one after, in its first batch
        with pytest.raises(_Killed):
            _fit_on(_Mortal(_cohort(40), lives, crop), recipe, resume, name)
    resumed = _fit_on(_Mortal(_cohort(40), 10**6, crop), recipe, resume, name)
    pd.testing.assert_frame_equal(resumed.history, immortal.history, check_exact=True)
    assert resumed.best_epoch == immortal.best_epoch
    for key, value in immortal.best_state.items():
        assert torch.equal(value, resumed.best_state[key]), key


def test_a_damaged_resume_point_is_one_sentence(tmp_path: Path) -> None:
    resume = tmp_path / "point"
    resume.write_bytes(b"")
    with pytest.raises(InputError, match="point is damaged: delete it"):
        _fit_on(_cohort(40), RECIPE, resume)


def test_a_finished_training_is_not_trained_on(tmp_path: Path) -> None:
    resume = tmp_path / "point"
    for recipe in (replace(RECIPE, max_epochs=200, patience=3, learning_rate=0.02), RECIPE):
        finished = _fit_on(_cohort(40), recipe, resume)
        # Lightning fetches one batch before it looks whether there is anything to do; an epoch has five.
        again = _fit_on(_Mortal(_cohort(40), 1, None), recipe, resume)
        pd.testing.assert_frame_equal(again.history, finished.history, check_exact=True)
        resume.unlink()
