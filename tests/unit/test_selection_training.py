"""Strategies at work in a training: what is trained on, what it costs, and that a kill changes nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as lightning
import torch

from models.backbones.registry import build_backbone
from models.batches import Batch, BatchIndex, StoredSignals
from models.classifier import EcgClassifier
from models.runtime import make_deterministic
from models.selection.beat_focus import RecordBeats
from models.selection.registry import build_strategy
from models.training import Recipe, TrainingResult, fit

RECIPE = Recipe(
    max_epochs=5,
    patience=None,
    learning_rate=0.01,
    batch_size=16,
    gradient_clip_norm=1.0,
    seed=5,
    schedule="one_cycle",
    precision="bfloat16",
    judge="val_f1_macro",
)
RECORDS = 64
PDD = {"warm_up": 1, "revision": 4, "confidence": "mean", "quantile": 0.7, "threshold": None}
ERTS = {**PDD, "keep": 0.7, "cam": "hires_cam", "focus": "topk_mass"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "pdd by batch": ("pdd", {**PDD, "at": "batch"}),
    "pdd by epoch": ("pdd", {**PDD, "at": "epoch", "refresh": 2}),
    "random": ("random", {"sizes": [60, 40, 30, 20]}),
    "infobatch": ("infobatch", {}),
    "erts by batch": ("erts", {**ERTS, "at": "batch", "cam": "grad_cam", "focus": "topk_mean", "delay": 1}),
    "erts with dropout": ("erts", {**ERTS, "at": "batch", "train_mode": True}),
    "erts by epoch": ("erts", {**ERTS, "at": "epoch", "refresh": 2, "lowest_quantile": 0.1}),
    "erts for nothing": (
        "erts",
        {**ERTS, "at": "epoch", "refresh": None, "harvest": True, "focus": "random"},
    ),
    "erts by beats": ("erts", {**ERTS, "at": "epoch", "focus": "beat_coherence"}),
    "erts by waves": ("erts", {**ERTS, "at": "epoch", "focus": "physio", "layer": 0}),
}


def _cohort(records: int = RECORDS, seed: int = 0) -> StoredSignals:
    """Records whose first class is a 1 mV offset, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    targets = rng.random((records, 5)) < 0.4
    targets[:5] |= np.eye(5, dtype=bool)
    signals = rng.normal(0, 100, (records, 260, 12)) + 1000 * targets[:, :1, None]
    return StoredSignals(signals.astype(np.int16), np.arange(records), targets, crop_samples=200)


def _beats() -> RecordBeats:
    peaks = torch.arange(20, 260, 40, dtype=torch.int16).repeat(RECORDS, 1)
    windows = (torch.arange(260) % 40 < 20).repeat(RECORDS, 1)
    return RecordBeats(windows, peaks)


def _fit(
    case: str | None,
    train: StoredSignals | None = None,
    resume: Path | None = None,
    recipe: Recipe = RECIPE,
    name: str = "cnn_gru_flow",
) -> TrainingResult:
    make_deterministic(1)
    lightning.seed_everything(recipe.seed, verbose=False)
    backbone = build_backbone(name)
    backbone.normalise.set_statistics(0.0, 0.5)
    strategy = None
    if case is not None:
        strategy_name, settings = CASES[case]
        strategy = build_strategy(strategy_name, **settings)
    validation = _cohort(40, seed=1)
    whole = StoredSignals(validation.signals, validation.rows, np.asarray(validation.targets, dtype=bool))
    return fit(backbone, train or _cohort(), whole, recipe, resume, strategy, _beats())


class _Killed(Exception):
    pass


class _Watched(StoredSignals):
    """Notes the batches that are drawn, and stops the training at its `lives`-th."""

    def __init__(self, lives: int = 10**6) -> None:
        whole = _cohort()
        super().__init__(whole.signals, whole.rows, np.asarray(whole.targets, dtype=bool), whole.crop_samples)
        self.lives = lives
        self.drawn: list[list[int]] = []

    def __getitem__(self, batch: BatchIndex) -> Batch:
        self.lives -= 1
        if self.lives < 0:
            raise _Killed
        self.drawn.append(batch.positions.tolist())
        return super().__getitem__(batch)


def _same(one: TrainingResult, other: TrainingResult) -> None:
    for table in ("history", "selection", "samples"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)
    assert one.cost == other.cost
    assert one.best_epoch == other.best_epoch
    for key, value in one.best_state.items():
        assert torch.equal(value, other.best_state[key]), key


@pytest.mark.parametrize("case", CASES)
def test_a_killed_training_goes_on_to_select_the_same(case: str, tmp_path: Path) -> None:
    whole = _fit(case)
    resume = tmp_path / "point"
    for lives in (6, 5, 4):
        with pytest.raises(_Killed):
            _fit(case, _Watched(lives), resume)
    resumed = _fit(case, None, resume)
    _same(whole, resumed)


@pytest.mark.slow
def test_a_resumed_training_with_dropout_selects_the_same(tmp_path: Path) -> None:
    whole = _fit("erts by batch", name="resnet1d")
    resume = tmp_path / "point"
    with pytest.raises(_Killed):
        _fit("erts by batch", _Watched(10), resume, name="resnet1d")
    _same(whole, _fit("erts by batch", None, resume, name="resnet1d"))


def test_selecting_everything_is_training_on_everything() -> None:
    strategy = build_strategy("full")
    make_deterministic(1)
    lightning.seed_everything(RECIPE.seed, verbose=False)
    backbone = build_backbone("cnn_gru_flow")
    backbone.normalise.set_statistics(0.0, 0.5)
    validation = _cohort(40, seed=1)
    whole = StoredSignals(validation.signals, validation.rows, np.asarray(validation.targets, dtype=bool))
    _same(fit(backbone, _cohort(), whole, RECIPE, strategy=strategy), _fit(None))


@pytest.mark.parametrize("case", CASES)
def test_phases_and_counts_are_what_the_settings_say(case: str) -> None:
    result = _fit(case)
    rows, samples = result.selection.set_index("epoch"), result.samples
    strategy = build_strategy(CASES[case][0], **CASES[case][1])
    assert rows["phase"].tolist() == [strategy.phase(epoch, RECIPE.max_epochs) for epoch in range(5)]
    full = rows["phase"].isin(["full", "revision"])
    assert (rows.loc[full, "trained"] == RECORDS).all()
    assert (rows.loc[~full, "trained"] < RECORDS).all()
    assert (rows["trained"] == rows["kept"]).all()
    assert samples["kept"].sum() == rows["trained"].sum() == result.cost.trained
    assert samples["dropped"].sum() == rows["dropped"].sum()
    judged = rows.loc[
        rows["phase"] != "undecided", "candidates"
    ]  # as long as there is no filter, none may be dropped
    assert samples["considered"].sum() == judged.sum()
    assert rows["effective_epochs"].iloc[-1] == pytest.approx(result.cost.trained / RECORDS)
    filters = CASES[case][0] == "erts"
    assert (rows["dropped"].sum() > 0) == filters
    assert (rows.loc[~rows["phase"].eq("filtered"), "dropped"] == 0).all()


def test_batches_are_thinned_out_or_regrouped() -> None:
    by_batch, by_epoch = _Watched(), _Watched()
    thinned, grouped = _fit("pdd by batch", by_batch), _fit("pdd by epoch", by_epoch)
    # All records are drawn to be scored, epoch by epoch in four batches, and fewer are trained on.
    assert [len(positions) for positions in by_batch.drawn] == [16] * 20
    assert thinned.selection["trained"].iloc[1] < RECORDS
    sizes = [len(positions) for positions in by_epoch.drawn]
    kept = grouped.selection["trained"].iloc[1]
    # An epoch, a sweep of all records before the second, then what is kept in as few batches as hold it.
    assert sizes[:8] == [16] * 8
    second = sizes[8 : 8 + -(-kept // 16)]
    assert sum(second) == kept
    assert second[:-1] == [16] * (len(second) - 1)
    drawn = {position for batch in by_epoch.drawn[8 : 8 + len(second)] for position in batch}
    assert len(drawn) == kept


def test_costs_count_every_pass() -> None:
    full, pdd = _fit(None), _fit("pdd by batch")
    assert full.cost.forward_equivalents == 3 * 5 * RECORDS
    assert full.cost.effective_epochs == 5
    assert pdd.cost.scored == 3 * RECORDS  # epochs 1, 2 and 3
    assert pdd.cost.mapped == 0
    assert pdd.cost.forward_equivalents == 3 * pdd.cost.trained + 3 * RECORDS
    erts = _fit("erts by batch")
    assert erts.cost.scored == 3 * RECORDS
    candidates = erts.selection.query("phase == 'filtered'")["candidates"].sum()
    assert 0 < erts.cost.mapped <= candidates  # those without a label have no map
    assert 0.6 < erts.cost.share_above < 0.7
    expected = 3 * erts.cost.trained + 3 * RECORDS + 3 * erts.cost.share_above * erts.cost.mapped
    assert erts.cost.forward_equivalents == pytest.approx(expected)
    free = _fit("erts for nothing")
    assert free.cost.scored == free.cost.mapped == 0
    assert free.cost.forward_equivalents == 3 * free.cost.trained


def test_stale_scores_are_used_between_refreshes() -> None:
    watched = _Watched()
    result = _fit("erts by epoch", watched)
    assert result.cost.scored == 2 * RECORDS  # before epochs 1 and 3, not before 2
    assert result.selection["phase"].tolist() == ["full", "filtered", "filtered", "filtered", "revision"]


def test_weights_are_of_the_losses() -> None:
    watched = _Watched()
    result = _fit("infobatch", watched)
    assert result.selection["trained"].iloc[1] < RECORDS
    plain = _fit("random")
    assert not np.isclose(result.history["train_loss"].iloc[2], plain.history["train_loss"].iloc[2])


def test_the_schedule_goes_by_epochs_not_by_batches() -> None:
    """The rates of an epoch of few batches span what those of a full one do."""
    rates: dict[str | None, list[tuple[int, float]]] = {}
    for case in ("pdd by epoch", None):
        own = rates.setdefault(case, [])

        def note(classifier: EcgClassifier, own: list[tuple[int, float]] = own) -> None:
            own.append((classifier.current_epoch, classifier.trainer.optimizers[0].param_groups[0]["lr"]))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(EcgClassifier, "on_train_epoch_end", note)
            _fit(case)
    assert rates["pdd by epoch"] == rates[None]
    assert len({rate for _, rate in rates[None]}) == 5


def test_the_best_epoch_by_macro_f1_is_the_first_highest() -> None:
    result = _fit(None, recipe=replace(RECIPE, max_epochs=4))
    assert result.best_epoch == result.history["val_f1_macro"].idxmax()
    by_loss = _fit(None, recipe=replace(RECIPE, judge="val_loss"))
    assert by_loss.best_epoch == by_loss.history["val_loss"].idxmin()
    assert "val_f1_macro" not in by_loss.history


def test_harvested_maps_are_those_of_the_log_likelihood() -> None:
    """Of a record with one label among one class, minus the loss's gradient is the logit's, up to a factor."""
    backbone = build_backbone("cnn_gru_flow").eval()
    signals, classes = torch.randn(3, 200, 12), torch.tensor([0, 1, 2])
    features = backbone.features(signals).detach().requires_grad_()
    chosen = backbone.classify(features).gather(1, classes[:, None])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(chosen, torch.ones(3, 1))
    (of_loss,) = torch.autograd.grad(loss, features, retain_graph=True)
    (of_logit,) = torch.autograd.grad(chosen.sum(), features)
    factor = (1 - torch.sigmoid(chosen.detach())) / 3
    torch.testing.assert_close(-of_loss, factor[:, :, None] * of_logit, atol=1e-8, rtol=1e-4)
