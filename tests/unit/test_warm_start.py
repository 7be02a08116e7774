"""A training that begins with a champion: on which records, from which weights, with which beats."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from explained_cohort import make_sources
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.inference import load_backbone
from tasks.explained import Sources
from tasks.file_names import LEARNT
from tasks.learning import LearningData, read_beats
from tasks.params.selection import SelectionParams
from tasks.params.train import ArmParams, PresetParams
from tasks.train import Training, replayed, train
from veribeat.errors import InputError

BACKBONE = "cnn_gru_flow"
FULL = SelectionParams.model_validate({"strategy": "full", "like": None})


@given(
    st.lists(st.integers(0, 10_000), unique=True, min_size=1, max_size=60),
    st.floats(0, 1),
    st.integers(0, 1000),
    st.data(),
)
def test_all_that_is_new_is_trained_on_and_a_share_of_the_rest(
    ecg_ids: list[int], share: float, seed: int, data: st.DataObject
) -> None:
    records = np.array(ecg_ids)
    # Of what the champion knows, some is in the cohort and some no longer.
    known = np.array([*data.draw(st.lists(st.sampled_from(ecg_ids), unique=True)), 10_001], dtype=np.int64)
    old = np.isin(records, known)
    if old.all() and not round(share * old.sum()):
        with pytest.raises(InputError, match="there is nothing to train on"):
            replayed(records, known, share, seed)
        return
    kept = replayed(records, known, share, seed)
    assert kept.dtype == np.bool_
    assert kept[~old].all()
    assert kept[old].sum() == round(share * old.sum())
    np.testing.assert_array_equal(kept, replayed(records, known, share, seed))


def test_which_of_the_old_records_are_drawn_depends_on_the_seed() -> None:
    ecg_ids = np.arange(100)
    drawn = [replayed(ecg_ids, ecg_ids, 0.3, seed) for seed in range(5)]
    assert len({tuple(mask) for mask in drawn}) == 5
    assert np.any(drawn, axis=0).mean() > 0.6  # not always the first ones


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Ten training records and a model; the learning table and statistics are those of a later cohort."""
    made = make_sources(tmp_path_factory.mktemp("arm"))
    roles = pd.read_parquet(made.split / "roles.parquet")
    learning = roles[["row", "train"]].assign(validation=roles["background"])
    learning.to_parquet(made.split / "learning.parquet")
    records = pd.read_parquet(made.ingest / "records.parquet")
    records.assign(patient_id=records["ecg_id"]).to_parquet(made.ingest / "records.parquet")
    (made.split / "normalisation.json").write_text('{"mean_mv": 0.4, "records": 10, "std_mv": 0.9}')
    return made


@pytest.fixture(scope="module")
def champion(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that has learnt from the first six training records, and one that has gone since."""
    folder = tmp_path_factory.mktemp("releases") / "0001"
    folder.mkdir()
    (folder / "model.pt").write_bytes((sources.trained / "model.pt").read_bytes())
    pd.DataFrame({"ecg_id": [*range(1000, 1006), 5]}).to_csv(folder / LEARNT, index=False)
    return folder


def arm(**values: Any) -> ArmParams:
    return ArmParams.model_validate(
        {
            "backbone": BACKBONE,
            "preset": "p",
            "selection": "full",
            "seed": 1,
            "start": "champion",
            "replay": 1.0,
            **values,
        }
    )


def preset(**values: Any) -> PresetParams:
    return PresetParams.model_validate(
        {
            "max_epochs": 1,
            "patience": None,
            "learning_rate": 1e-9,
            "batch_size": 5,
            "gradient_clip_norm": 1.0,
            **values,
        }
    )


def trained(sources: Sources, out: Path, arm_params: ArmParams, champion: Path | None, **recipe: Any) -> None:
    out.mkdir()
    train(Training(sources.ingest, sources.split, arm_params, preset(**recipe), FULL, champion=champion), out)


def test_it_begins_at_the_champions_weights_and_keeps_its_normalisation(
    sources: Sources, champion: Path, tmp_path: Path
) -> None:
    trained(sources, tmp_path / "warm", arm(), champion)
    before = load_backbone(BACKBONE, champion / "model.pt")
    after = load_backbone(BACKBONE, tmp_path / "warm" / "model.pt")
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(new, old, atol=1e-6, rtol=0, msg=name)
    for name, buffer in before.normalise.named_buffers():
        torch.testing.assert_close(dict(after.normalise.named_buffers())[name], buffer, rtol=0, atol=0)


def test_from_scratch_the_weights_and_the_normalisation_are_its_own(
    sources: Sources, champion: Path, tmp_path: Path
) -> None:
    trained(sources, tmp_path / "scratch", arm(start="scratch"), None)
    before = load_backbone(BACKBONE, champion / "model.pt").state_dict()
    after = load_backbone(BACKBONE, tmp_path / "scratch" / "model.pt").state_dict()
    weights = [name for name in before if name.endswith("weight") and before[name].ndim > 1]
    assert not any(torch.allclose(before[name], after[name], atol=1e-3) for name in weights)
    normalise = [name for name in before if name.startswith("normalise")]
    assert any(not torch.equal(before[name], after[name]) for name in normalise)


def test_it_is_not_judged_on_what_the_champion_has_learnt_from(
    sources: Sources, champion: Path, tmp_path: Path
) -> None:
    """As after an edit of the folds' roles."""
    learning = pd.read_parquet(sources.split / "learning.parquet")
    ecg_ids = pd.read_parquet(sources.ingest / "records.parquet")["ecg_id"]
    validated = int(ecg_ids[learning.loc[learning["validation"], "row"].iloc[0]])
    other = tmp_path / "0002"
    other.mkdir()
    (other / "model.pt").write_bytes((champion / "model.pt").read_bytes())
    pd.DataFrame({"ecg_id": [1000, validated]}).to_csv(other / LEARNT, index=False)
    with pytest.raises(InputError, match=rf"validation records \(such as {validated}\)"):
        trained(sources, tmp_path / "warm", arm(), other)
    assert not list((tmp_path / "warm").iterdir())


def test_a_larger_learning_rate_leaves_the_champion(sources: Sources, champion: Path, tmp_path: Path) -> None:
    trained(sources, tmp_path / "warm", arm(), champion, learning_rate=0.01)
    before = load_backbone(BACKBONE, champion / "model.pt")
    after = load_backbone(BACKBONE, tmp_path / "warm" / "model.pt")
    moved = [
        not torch.allclose(old, new, atol=1e-4)
        for old, new in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert all(moved)
    assert before.normalise.state_dict().keys() == after.normalise.state_dict().keys()
    for name, buffer in before.normalise.state_dict().items():
        assert torch.equal(after.normalise.state_dict()[name], buffer)


@pytest.mark.parametrize(("replay", "old"), [(0.0, 0), (0.5, 3), (1.0, 6)])
def test_samples_are_those_that_were_trained_on(
    sources: Sources, champion: Path, tmp_path: Path, replay: float, old: int
) -> None:
    trained(sources, tmp_path / "warm", arm(replay=replay), champion)
    rows = pd.read_csv(tmp_path / "warm" / "samples.csv")["row"]
    assert set(range(6, 10)) <= set(rows)
    assert (rows < 6).sum() == old
    assert len(rows) == 4 + old


def test_no_new_record_and_no_replay_is_one_sentence(
    sources: Sources, champion: Path, tmp_path: Path
) -> None:
    everything = tmp_path / "0002"
    everything.mkdir()
    (everything / "model.pt").write_bytes((champion / "model.pt").read_bytes())
    pd.DataFrame({"ecg_id": range(1000, 1010)}).to_csv(everything / LEARNT, index=False)
    with pytest.raises(InputError, match="no new training record, and 'replay' is 0"):
        trained(sources, tmp_path / "warm", arm(replay=0.0), everything)
    assert not any((tmp_path / "warm").iterdir())


ROWS = np.array([2, 5, 7, 9, 12])


@pytest.fixture
def data() -> LearningData:
    random = np.random.default_rng(1)
    return LearningData(
        random.integers(-99, 99, (15, 4, 12)).astype(np.int16),
        ROWS,
        random.random((len(ROWS), 5)) < 0.5,
        np.array([0, 1]),
        np.zeros((2, 5), dtype=bool),
        0.0,
        1.0,
    )


@pytest.fixture
def delineated(tmp_path: Path) -> Path:
    """Beats of the records at ROWS: as many as its place tells, the first one at its row."""
    beats = [(row, int(row) + 100 * beat) for place, row in enumerate(ROWS) for beat in range(place + 1)]
    pd.DataFrame(beats, columns=["row", "r_peak"]).to_parquet(tmp_path / "beats.parquet")
    windows = np.zeros((len(ROWS), 1000), dtype=bool)
    windows[np.arange(len(ROWS)), ROWS] = True
    np.save(tmp_path / "windows.npy", windows)
    return tmp_path


def check(data: LearningData, delineated: Path) -> None:
    """The beats are those of the records, in their order."""
    found = read_beats(delineated, data)
    assert len(found.windows) == len(found.peaks) == len(data.train_rows)
    for row, window, peaks in zip(data.train_rows, found.windows, found.peaks, strict=True):
        assert torch.nonzero(window).flatten().tolist() == [row]
        place = ROWS.tolist().index(row)
        assert peaks[peaks >= 0].tolist() == [row + 100 * beat for beat in range(place + 1)]


MASKS = [[True] * 5, [True, False, True, True, False], [False, False, False, False, True]]


@pytest.mark.parametrize("mask", MASKS)
def test_beats_are_those_of_the_records_that_are_left(
    data: LearningData, delineated: Path, mask: list[bool]
) -> None:
    kept: NDArray[np.bool_] = np.array(mask)
    fewer = data.only(kept)
    np.testing.assert_array_equal(fewer.train_rows, ROWS[kept])
    np.testing.assert_array_equal(fewer.train_targets, data.train_targets[kept])
    np.testing.assert_array_equal(fewer.validation_rows, data.validation_rows)
    check(fewer, delineated)


def test_records_can_be_left_out_twice(data: LearningData, delineated: Path) -> None:
    check(data.only(np.array(MASKS[1])).only(np.array([False, True, True])), delineated)


def test_signals_that_stand_in_for_stored_ones_are_left_out_with_their_records(data: LearningData) -> None:
    others = np.arange(5, dtype=np.int16)[:, None, None] * np.ones((5, 4, 12), dtype=np.int16)
    signals, rows = replace(data, train_signals=others).only(np.array(MASKS[1])).stored_training
    assert signals[rows][:, 0, 0].tolist() == [0, 2, 3]


def test_beats_of_other_records_are_refused(data: LearningData, delineated: Path) -> None:
    with pytest.raises(InputError, match="of other training records"):
        read_beats(delineated, replace(data, train_rows=ROWS[:-1], train_targets=data.train_targets[:-1]))
