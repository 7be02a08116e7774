"""Stage `donors`: who may be one, in which number, and the file of what real records look like."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from explained_chain import Chain

from tasks.donors import donors
from tasks.real_ranges import RANGES, read_ranges
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.plausibility import interval_range
from veribeat.errors import InputError
from veribeat.prototypes.store import PrototypeSet, read_prototypes

Made = Callable[..., PrototypeSet]


@pytest.fixture
def made(chain: Chain, tmp_path: Path) -> Made:
    """Runs the stage with other parameters."""

    def run(**changes: object) -> PrototypeSet:
        params = type(chain.params.donors).model_validate({**chain.params.donors.model_dump(), **changes})
        donors(tmp_path, chain.explained, params)
        return read_prototypes(tmp_path / "donors.h5")

    return run


def margins(chain: Chain, rows: np.ndarray) -> np.ndarray:
    labels = chain.explained.true_labels(rows)
    return np.array(
        [
            chain.explained.black_box.margins(signal[None], own)[0]
            for signal, own in zip(chain.explained.signals_mv(rows), labels, strict=True)
        ]
    )


def test_donors_have_one_superclass_that_is_predicted(chain: Chain, made: Made) -> None:
    found, candidates = made(), chain.explained.candidates()
    ecg_ids = chain.explained.ecg_ids(candidates).tolist()
    assert set(found.ecg_ids.tolist()) <= set(ecg_ids)
    assert len(set(found.ecg_ids.tolist())) == len(found.ecg_ids)
    labels = chain.explained.true_labels(candidates)
    for ecg_id, name in zip(found.ecg_ids, found.superclasses, strict=True):
        assert labels[ecg_ids.index(ecg_id), SUPERCLASSES.index(name)]


def test_there_are_so_many_of_each_superclass_or_all(chain: Chain, made: Made, tmp_path: Path) -> None:
    found = made(records=2, candidates=5)
    written = json.loads((tmp_path / "donors.json").read_text())
    in_pool = chain.explained.true_labels(chain.explained.candidates()).sum(axis=0)
    for name, count in zip(SUPERCLASSES, in_pool, strict=True):
        assert written[name] == {"candidates": count, "donors": min(count, 2)}
        assert len(found.of(name)) == min(count, 2)
        assert found.cluster_sizes[found.of(name)].sum() == min(count, 5)


def test_candidates_are_those_that_are_predicted_most_clearly(chain: Chain, made: Made) -> None:
    found = made(records=2, candidates=3)
    candidates = chain.explained.candidates()
    labels, ecg_ids = chain.explained.true_labels(candidates), chain.explained.ecg_ids(candidates)
    for place, name in enumerate(SUPERCLASSES):
        own = candidates[labels[:, place]]
        clearest = ecg_ids[labels[:, place]][np.argsort(-margins(chain, own))[:3]]
        assert set(found.ecg_ids[found.of(name)]) <= set(clearest.tolist())


def test_relaxed_filtering_takes_records_with_other_superclasses_too(chain: Chain, made: Made) -> None:
    exact = {name: len(made(records=40, candidates=41).of(name)) for name in SUPERCLASSES}
    relaxed = made(predicted="present", records=40, candidates=41)
    pool = chain.explained.rows("pool")
    both = chain.explained.true_labels(pool) & chain.explained.predicted_labels(pool)
    for place, name in enumerate(SUPERCLASSES):
        assert len(relaxed.of(name)) == both[:, place].sum() >= exact[name]
    assert len(relaxed.ecg_ids) > sum(exact.values())


def test_training_records_may_be_donors(chain: Chain, made: Made) -> None:
    found = made(role="train", predicted="present")
    assert set(found.ecg_ids.tolist()) <= set(chain.explained.ecg_ids(chain.explained.rows("train")).tolist())
    assert len(found.ecg_ids)


def test_ranges_are_those_of_the_pool(chain: Chain, made: Made, tmp_path: Path) -> None:
    made(intervals_from=5)
    amplitudes, between = read_ranges(tmp_path / RANGES)
    pool = chain.explained.rows("pool")
    signals = chain.explained.signals_mv(pool)
    outside = (signals < amplitudes.low_mv) | (signals > amplitudes.high_mv)
    assert 0 < outside.mean() < 0.0025
    expected = interval_range(signals[:5])
    np.testing.assert_allclose(between.low, expected.low, atol=1e-3)
    np.testing.assert_allclose(between.high, expected.high, atol=1e-3)


@pytest.mark.parametrize("text", ["", "[]", '{"amplitudes_mv": {}}'])
def test_ranges_that_are_damaged_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing or damaged"):
        read_ranges(tmp_path / "none.json")
    (tmp_path / RANGES).write_text(text)
    with pytest.raises(InputError, match=f"{RANGES} is missing or damaged"):
        read_ranges(tmp_path / RANGES)
