"""Arms that start from a champion: which records they train on, and from which weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.backbones.registry import build_backbone
from tasks.learning import LearningData, learn
from tasks.params.document import read_params
from tasks.train import replayed
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.errors import InputError

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")


def test_all_new_records_are_kept_and_a_share_of_the_others() -> None:
    ecg_ids, learnt = np.arange(100), np.arange(80)
    kept = replayed(ecg_ids, learnt, 0.25, seed=1)
    assert kept[80:].all()
    assert kept[:80].sum() == 20
    np.testing.assert_array_equal(kept, replayed(ecg_ids, learnt, 0.25, seed=1))
    assert (kept != replayed(ecg_ids, learnt, 0.25, seed=2)).any()
    assert replayed(ecg_ids, learnt, 1.0, seed=1).all()
    assert replayed(ecg_ids, learnt, 0.0, seed=1).sum() == 20


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(InputError, match="no new training record"):
        replayed(np.arange(5), np.arange(10), 0.0, seed=1)


@pytest.fixture(scope="module")
def data() -> LearningData:
    random = np.random.default_rng(0)
    signals = random.integers(-500, 500, (24, RECORD_SAMPLES, len(LEADS))).astype(np.int16)
    targets = random.random((24, len(SUPERCLASSES))) < 0.4
    targets[16:] = np.tile(np.eye(5, dtype=bool)[[0, 1, 2, 3]], (2, 1))
    rows = np.arange(24)
    return LearningData(signals, rows[:16], targets[:16], rows[16:], targets[16:], 0.0, 0.25)


def test_a_warm_start_begins_with_the_weights_and_keeps_their_normalisation(
    data: LearningData, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    champion = build_backbone("cnn_gru_flow")
    champion.normalise.set_statistics(0.01, 0.3)
    torch.save(champion.state_dict(), tmp_path / "model.pt")
    preset = PARAMS.presets["short"].model_copy(
        update={"max_epochs": 1, "learning_rate": 1e-9, "weight_decay": 0.0}
    )
    result = learn(
        data, "cnn_gru_flow", preset, PARAMS.selections["full"], 1, None, weights=tmp_path / "model.pt"
    )
    for name, weights in champion.state_dict().items():
        if "running" not in name and "num_batches" not in name:  # batch statistics follow the new records
            torch.testing.assert_close(result.best_state[name], weights, atol=1e-6, rtol=0)


def test_records_that_are_left_out_do_not_shift_the_beats_of_others(data: LearningData) -> None:
    kept = np.arange(16) % 3 == 0
    fewer = data.only(kept)
    np.testing.assert_array_equal(fewer.train_rows, data.train_rows[kept])
    np.testing.assert_array_equal(fewer.train_targets, data.train_targets[kept])
    assert fewer.delineated_rows is not None
    np.testing.assert_array_equal(fewer.delineated_rows, data.train_rows)
