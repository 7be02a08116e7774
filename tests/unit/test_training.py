"""The backbone, the batches and the training loop."""

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as lightning
import torch

from models.backbones.cnn_gru_flow import AffineCoupling, CnnGruFlow
from models.backbones.registry import NAMES, build_backbone
from models.batches import EpochBatches, StoredSignals, batch_loader
from models.runtime import make_deterministic
from models.training import Recipe, TrainingResult, fit
from veribeat.errors import InputError

RECIPE = Recipe(max_epochs=4, patience=2, learning_rate=0.01, batch_size=8, gradient_clip_norm=1.0, seed=5)


def _cohort(records: int, seed: int = 0) -> StoredSignals:
    """Records whose first class is a 1 mV offset, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    targets = rng.random((records, 5)) < 0.4
    signals = rng.normal(0, 100, (records, 100, 12)) + 1000 * targets[:, :1, None]
    return StoredSignals(signals.astype(np.int16), np.arange(records), targets)


def _fit(recipe: Recipe = RECIPE) -> TrainingResult:
    make_deterministic(1)
    lightning.seed_everything(recipe.seed, verbose=False)
    backbone = build_backbone("cnn_gru_flow")
    backbone.normalise.set_statistics(0.0, 0.5)
    return fit(backbone, _cohort(40), _cohort(24, seed=1), recipe)


def test_every_backbone_maps_signals_to_five_logits() -> None:
    for name in NAMES:
        assert build_backbone(name).eval()(torch.zeros(2, 1000, 12)).shape == (2, 5)
    with pytest.raises(InputError, match="choose one of cnn_gru_flow"):
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
        epochs.append(list(batches))
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2]
    assert sorted(position for batch in epochs[0] for position in batch) == list(range(10))
    assert epochs[0] == epochs[2] != epochs[1]
    assert list(EpochBatches(5, 2, seed=None)) == [[0, 1], [2, 3], [4]]


def test_batches_hold_millivolts_and_their_own_targets() -> None:
    signals = np.arange(4 * 2 * 12, dtype=np.int16).reshape(4, 2, 12)
    targets = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]], dtype=bool)
    (batch,) = list(batch_loader(StoredSignals(signals, np.array([3, 1]), targets), 2, seed=None))
    np.testing.assert_allclose(batch[0].numpy(), signals[[3, 1]] / 1000, rtol=1e-6)
    assert batch[1].tolist() == targets.astype(float).tolist()


def test_training_is_repeatable_and_returns_the_best_epoch() -> None:
    first, second = _fit(), _fit()
    pd.testing.assert_frame_equal(first.history, second.history, check_exact=True)
    for name, value in first.best_state.items():
        assert torch.equal(value, second.best_state[name]), name
    assert first.best_epoch == first.history["val_loss"].idxmin()

    backbone = build_backbone("cnn_gru_flow")
    backbone.load_state_dict(first.best_state)
    signals, targets = next(iter(batch_loader(_cohort(24, seed=1), 24, seed=None)))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(backbone.eval()(signals), targets).item()
    assert loss == pytest.approx(first.history["val_loss"].min(), rel=1e-5)


def test_training_learns_and_stops_after_its_patience() -> None:
    result = _fit(Recipe(200, 3, 0.02, 8, 1.0, seed=5))
    history = result.history
    assert history["val_loss"].min() < history["val_loss"].iloc[0]
    assert len(history) == result.best_epoch + 1 + 3 < 200


def test_each_epoch_sees_another_order() -> None:
    orders: list[list[int]] = []

    class Watched(StoredSignals):
        def __getitem__(self, positions: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
            orders.append(positions)
            return super().__getitem__(positions)

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
