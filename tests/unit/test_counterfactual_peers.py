"""Published counterfactual methods on classifiers that can be worked out by hand, and the file of their results."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from toy_counterfactuals import LEVELS_MV, PEAKS, level_model, recording
from typing_extensions import override

from models.backbones.base import Backbone
from models.black_box import black_box
from veribeat.black_box import BlackBox
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.query import Counterfactual, Query, make_query
from veribeat.counterfactual.targets import Labels, label_set, single_targets
from veribeat.errors import InputError

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # where scripts find `peers`

import pandas as pd
from counterfactual_peers import METRICS, summary
from peers.base import NO_DONOR, Pool, finished, logit, missing
from peers.comte import comte
from peers.every import PEERS, explain_by_peers
from peers.importance import class_activation
from peers.ledger import KEYS, RUN, Ledger
from peers.native_guide import native_guide, stretch
from peers.nearest_unlike import nearest_unlike
from peers.wachter import WachterSettings, wachter

SETTINGS = WachterSettings(sigma_mv=0.2)
MI = label_set(["MI"])


class LevelNetwork(Backbone):
    """The superclass whose level is nearest to the mean of 10 s: a logit above 0 within 0.25 mV of the level."""

    @override
    def forward(self, signals: Tensor) -> Tensor:
        return self.classify(self.features(signals))

    @override
    def features(self, signals: Tensor, layer: int = -1) -> Tensor:
        means: Tensor = signals.mean(dim=2).unflatten(1, (250, 4)).mean(dim=2)
        return means[:, None]

    @override
    def classify(self, features: Tensor, layer: int = -1) -> Tensor:
        levels = torch.tensor(list(LEVELS_MV.values()))
        return 8 * (0.25 - (features.mean(dim=(1, 2))[:, None] - levels).abs())


def network_and_model() -> tuple[LevelNetwork, BlackBox]:
    network = LevelNetwork().eval()
    return network, black_box(network, np.full(5, 0.5))


def lead_model(lead: int) -> BlackBox:
    """MI where the mean of one lead is above 0.25 mV, else NORM."""

    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        above = signals_mv[:, :, lead].mean(axis=1) > 0.25
        found = np.full((len(signals_mv), 5), 0.1, dtype=np.float32)
        found[:, 0], found[:, 1] = np.where(above, 0.1, 0.9), np.where(above, 0.9, 0.1)
        return found

    return BlackBox(probabilities, np.full(5, 0.5))


def pool() -> Pool:
    """Three records of each superclass."""
    names = [name for name in SUPERCLASSES for _ in range(3)]
    signals = np.stack([recording(name, 10 + seed) for seed, name in enumerate(names)])
    return Pool(signals, np.stack([label_set([name]) for name in names]))


def norm_query(model: BlackBox, seed: int = 50) -> Query:
    return make_query(recording("NORM", seed), PEAKS, model)


def flat(signal_mv: NDArray[np.float32], target: Labels) -> NDArray[np.floating]:
    """Importance that is largest in the middle."""
    return 500.0 - np.abs(np.arange(1000) - 499.5)


def test_the_nearest_record_of_the_target_is_found() -> None:
    query = recording("NORM", 50)
    found = pool().nearest(query, MI, 2)
    distances = [float(np.linalg.norm(each - query)) for each in pool().signals_mv[3:6]]
    assert found.places[0] == 3 + int(np.argmin(distances))
    np.testing.assert_allclose(found.distances_mv, sorted(distances)[:2], rtol=1e-5)
    np.testing.assert_array_equal(found.signals_mv, pool().signals_mv[found.places])


def test_a_pool_without_the_target_is_refused() -> None:
    with pytest.raises(InputError, match="no record of CD"):
        Pool(pool().signals_mv[:6], pool().labels[:6]).nearest(recording("NORM", 50), label_set(["CD"]), 1)


def test_what_is_missing_counts_every_label_on_the_wrong_side() -> None:
    thresholds = np.array([0.5, 0.5, 0.2, 0.5, 0.5])
    p = np.array([[0.9, 0.3, 0.3, 0.1, 0.5], [0.1, 0.5, 0.1, 0.1, 0.1]], dtype=np.float32)
    expected = np.log(9) + np.log(0.7 / 0.3) + (logit(np.array(0.3)) - logit(np.array(0.2)))
    np.testing.assert_allclose(missing(p, thresholds, MI), [expected, 0.0], rtol=1e-5)
    assert np.isfinite(missing(np.array([[0.0, 1, 0, 1, 0]]), thresholds, MI)).all()


def test_a_change_outside_of_the_mask_is_refused() -> None:
    query = norm_query(level_model())
    with pytest.raises(ValueError, match="outside"):
        finished("peer", query, MI, query.signal_mv + 1, np.zeros((1000, 12), np.bool_), level_model())


def test_nearest_unlike_is_the_record_itself() -> None:
    model = level_model()
    query = norm_query(model)
    neighbours = pool().nearest(query.signal_mv, MI, 1)
    found = nearest_unlike(query, MI, neighbours, model)
    assert found.valid
    assert found.prototype == neighbours.places[0]
    np.testing.assert_array_equal(found.signal_mv, neighbours.signals_mv[0])


def test_a_stretch_is_where_importance_sums_highest() -> None:
    weights = np.array([0.0, 3, 0, 2, 2, 0])
    assert np.flatnonzero(stretch(weights, 1, 2)[:, 0]).tolist() == [1]
    assert np.flatnonzero(stretch(weights, 2, 2)[:, 1]).tolist() == [3, 4]
    assert stretch(weights, 6, 2).all()


def test_native_guide_takes_the_shortest_stretch_that_turns() -> None:
    model = level_model()
    query = norm_query(model)
    neighbours = pool().nearest(query.signal_mv, MI, 1)
    found = native_guide(query, MI, neighbours, flat, model)
    assert found.valid
    length = int(found.mask[:, 0].sum())
    assert (found.mask == found.mask[:, :1]).all()
    np.testing.assert_array_equal(
        found.signal_mv, np.where(found.mask, neighbours.signals_mv[0], query.signal_mv)
    )
    every = np.stack([stretch(flat(query.signal_mv, MI), each, 12) for each in range(1, length)])
    tried = np.where(every, neighbours.signals_mv[0], query.signal_mv)
    assert not (model.labels(tried[-20:]) == MI).all(axis=1).any()  # also those within the last step
    assert 100 < length < 900


@pytest.mark.parametrize("lead", [0, 7])
def test_comte_takes_just_the_lead_that_matters(lead: int) -> None:
    model = lead_model(lead)
    query = norm_query(model)
    found = comte(query, MI, pool().nearest(query.signal_mv, MI, 3), model)
    assert found.valid
    assert np.flatnonzero(found.mask.any(axis=0)).tolist() == [lead]
    assert found.mask[:, lead].all()
    np.testing.assert_array_equal(
        found.signal_mv, np.where(found.mask, pool().signals_mv[found.prototype], query.signal_mv)
    )


def test_comte_ends_with_the_whole_donor_when_every_lead_is_needed() -> None:
    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        every = (signals_mv[:, 0] > 0.25).all(axis=1)
        return np.where(every[:, None], MI, label_set(["NORM"])).astype(np.float32)

    model = BlackBox(probabilities, np.full(5, 0.5))
    query = make_query(np.zeros((1000, 12), np.float32), PEAKS, model)
    donors = Pool(np.full((2, 1000, 12), 0.5, np.float32), np.stack([MI, MI]))
    found = comte(query, MI, donors.nearest(query.signal_mv, MI, 2), model)
    assert found.valid
    assert found.mask.all()


def test_wachter_reaches_near_targets_with_less_than_a_real_record() -> None:
    network, model = network_and_model()
    query = norm_query(model)
    (found,) = wachter([query], [MI], network, model, SETTINGS)
    (donor,) = pool().nearest(query.signal_mv, MI, 1).signals_mv
    assert found.valid
    assert not found.note
    assert found.prototype == NO_DONOR
    assert np.abs(found.signal_mv - query.signal_mv).mean() < np.abs(donor - query.signal_mv).mean()
    assert all(parameter.grad is None for parameter in network.parameters())


def test_wachter_says_where_it_did_not_arrive() -> None:
    network, model = network_and_model()
    query = norm_query(model)
    hyp = label_set(["HYP"])
    near, far = wachter([query, query], [MI, hyp], network, model, SETTINGS)
    assert near.valid
    assert not far.valid
    assert far.note == "no valid iterate in 150 steps"


def test_all_peers_are_deterministic_and_in_order() -> None:
    network, model = network_and_model()
    queries = [norm_query(model, seed) for seed in (50, 51)]
    targets = [single_targets(query.labels)[:2] for query in queries]

    def explained() -> list[list[Counterfactual]]:
        return list(explain_by_peers(queries, targets, pool(), network, model, SETTINGS))

    first, again = explained(), explained()
    for query, its, found, repeated in zip(queries, targets, first, again, strict=True):
        assert [each.method for each in found] == [*PEERS, *PEERS]
        for place, (one, other) in enumerate(zip(found, repeated, strict=True)):
            np.testing.assert_array_equal(one.target, its[place // len(PEERS)])
            np.testing.assert_array_equal(one.signal_mv, other.signal_mv)
            np.testing.assert_array_equal(one.signal_mv[~one.mask], query.signal_mv[~one.mask])


def test_the_activation_map_has_a_value_for_each_sample() -> None:
    network, _ = network_and_model()
    signal = recording("NORM", 3)
    found = class_activation(network)(signal, MI)
    evidence = np.maximum(signal.mean(axis=1).reshape(250, 4).mean(axis=1), 0) * 8 / 250
    np.testing.assert_allclose(found, np.repeat(evidence, 4), atol=1e-6)


def test_macro_figures_weigh_targets_alike() -> None:
    rows = [
        {"method": method, "target": target, **dict.fromkeys(METRICS, 0.5), "validity": valid}
        for method in PEERS
        for target, valid in (("MI", 1.0), ("MI", 1.0), ("MI", 0.0), ("CD", 0.0))
    ]
    table = pd.DataFrame(rows)
    table[["witness_reached", "witness_present"]] = np.nan
    assert "witness sees the target, micro" not in summary(table).index
    table["witness_reached"], table["witness_present"] = 0.0, [1.0, 0, 0, 1] * len(PEERS)
    figures = summary(table)["comte"]
    assert tuple(figures.filter(like="validity")) == pytest.approx((1 / 2, 1 / 3))
    assert tuple(figures.filter(like="sees the target")) == pytest.approx((1 / 2, 2 / 3))
    assert figures["share changed, median"] == 0.5


COLUMNS = (*KEYS, RUN, "note", "validity")


def rows_of(ecg_id: int) -> list[dict[str, object]]:
    return [
        {"ecg_id": ecg_id, "target": "MI", "method": name, "note": "", "validity": 0.1 + 0.2}
        for name in ("a", "b")
    ]


def test_the_ledger_goes_on_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    ledger = Ledger(path, COLUMNS, "1e5", rows_per_query=2)
    assert ledger.finished == set()
    ledger.append(rows_of(1))
    whole = path.read_text()
    ledger.append(rows_of(2))
    text = path.read_text()
    for length in range(len(whole), len(text)):
        path.write_text(text[:length])
        again = Ledger(path, COLUMNS, "1e5", rows_per_query=2)
        assert again.finished == {1}
        assert path.read_text() == whole
        again.append(rows_of(2))
        assert path.read_text() == text
    assert Ledger(path, COLUMNS, "1e5", rows_per_query=2).table()["validity"].tolist() == [0.1 + 0.2] * 4


def test_the_ledger_refuses_rows_of_other_runs(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    Ledger(path, COLUMNS, "one", 2).append(rows_of(1))
    with pytest.raises(InputError, match="other settings"):
        Ledger(path, COLUMNS, "two", 2)
    with pytest.raises(InputError, match="other columns"):
        Ledger(path, (*COLUMNS, "more"), "one", 2)
    with pytest.raises(ValueError, match="1 rows"):
        Ledger(path, COLUMNS, "one", 2).append(rows_of(2)[:1])
