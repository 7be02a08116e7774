"""beat_sparse and wave_sparse for one query and target: what they take, what they fall back on, what they refuse."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import ecg
from toy_counterfactuals import (
    PEAKS,
    differentiable,
    donor_set,
    level_model,
    mean_model,
    prototype_set,
    recording,
)

from veribeat.black_box import DifferentiableModel
from veribeat.conventions import LEADS
from veribeat.counterfactual.beat_methods import (
    BEAT_METHODS,
    BY_SEGMENTS,
    NARROWLY,
    NO_R_PEAKS,
    NOT_REACHED,
    TURNS_BACK,
    beat_counterfactual,
)
from veribeat.counterfactual.methods import METHODS, DonorSets, MethodSettings, explain_query
from veribeat.counterfactual.query import Counterfactual, Donors, Query, make_query
from veribeat.counterfactual.sparse import SparseSettings
from veribeat.counterfactual.targets import label_set
from veribeat.counterfactual.trial import SearchSettings
from veribeat.errors import InputError
from veribeat.prototypes.store import PrototypeSet
from veribeat.signal.stored_units import from_units, to_units

SETTINGS = SearchSettings(
    margin=0.2,
    shifts=(-1, 1),
    donors=1,
    refined=1,
    path_points=2,
    lengths=6,
    passes=1,
    rounds=1,
    eliminated=8,
)
BEATS = np.array([10 + round(83 * beat) for beat in range(12)])
V5 = LEADS.index("V5")
NO_BEATS = np.empty(0, dtype=np.int64)


def tall(height_mv: float) -> NDArray[np.float32]:
    """A recording with R waves that are so much higher in V5."""
    signal = ecg(100.0).astype(np.float32)
    for peak in BEATS:
        signal[:, V5] += height_mv * np.exp(-(((np.arange(1000) - peak) / 2.0) ** 2) / 2)
    return from_units(to_units(signal))


AT_R_PEAKS = np.zeros((1000, 12), dtype=bool)
AT_R_PEAKS[BEATS, V5] = True


def tall_model(enough_mv: float = 1.0) -> DifferentiableModel:
    """HYP where R waves in V5 are `enough_mv` above those of `tall(0)` on average, NORM otherwise."""
    return mean_model(AT_R_PEAKS, "HYP", float(tall(0.0)[AT_R_PEAKS].mean()) + enough_mv, 0.2)


def hyp_donors(*heights_mv: float, peaks: NDArray[np.int64] = BEATS) -> Donors:
    signals = np.stack([tall(height) for height in heights_mv])
    count = len(signals)
    records = PrototypeSet(
        signals,
        np.arange(count) + 7,
        ("HYP",) * count,
        np.arange(count),
        np.ones(count, np.int64),
        np.zeros(count),
        np.zeros(count),
        {},
    )
    return donor_set(records, peaks)


def norm_query(peaks: NDArray[np.int64] = BEATS) -> Query:
    return make_query(tall(0.0), peaks, tall_model())


@pytest.mark.parametrize("method", BEAT_METHODS)
def test_the_target_is_reached_by_what_the_model_looks_at(method: str) -> None:
    found = beat_counterfactual(
        method, norm_query(), label_set(["HYP"]), hyp_donors(4.0), tall_model(), SETTINGS
    )
    assert (found.valid, found.note, found.prototype) == (True, "", 0)
    assert found.margin >= SETTINGS.margin
    assert np.isnan(found.keep_ratio)
    assert (tall_model().labels(found.signal_mv[None])[0] == label_set(["HYP"])).all()
    changed = np.abs(found.signal_mv - norm_query().signal_mv).max(axis=0) > 0
    assert np.flatnonzero(changed).tolist() == [V5]


@pytest.mark.parametrize("method", BEAT_METHODS)
def test_a_donor_that_is_the_query_itself_has_nothing_to_give(method: str) -> None:
    """Of a target that has the query's own superclass, too, the query may be a donor."""
    model, hyp = tall_model(), label_set(["HYP"])
    found = beat_counterfactual(method, norm_query(), hyp, hyp_donors(0.0, 4.0), model, SETTINGS)
    assert (found.valid, found.prototype) == (True, 1)
    alone = beat_counterfactual(method, norm_query(), hyp, hyp_donors(0.0), model, SETTINGS)
    assert (alone.valid, alone.note) == (False, NOT_REACHED)


def test_waves_are_named_and_segments_are_not() -> None:
    hyp = label_set(["HYP"])
    of_waves, of_segments = (
        beat_counterfactual(method, norm_query(), hyp, hyp_donors(2.0), tall_model(), SETTINGS)
        for method in ("wave_sparse", "beat_sparse")
    )
    assert [str(change) for change in of_waves.waves] == ["QRS V5"]
    assert of_waves.waves[0].largest_mv == pytest.approx(2.0, abs=0.1)
    assert of_segments.waves == ()


def test_a_donor_that_falls_short_of_the_margin_is_noted() -> None:
    found = beat_counterfactual(
        "wave_sparse", norm_query(), label_set(["HYP"]), hyp_donors(1.44), tall_model(), SETTINGS
    )
    assert (found.valid, found.note) == (True, NARROWLY)
    assert 0 <= found.margin < SETTINGS.margin


def test_what_waves_cannot_do_segments_do() -> None:
    """The toy model sees the mean of a recording, which beats about their own level do not change."""
    model, donors = level_model(), donor_set(prototype_set(["NORM", "MI"]))
    query = make_query(recording("NORM", seed=99), PEAKS[:-1] + 30, model)
    found = beat_counterfactual("wave_sparse", query, label_set(["MI"]), donors, model, SETTINGS)
    assert (found.valid, found.note, found.waves, found.prototype) == (True, BY_SEGMENTS, (), 1)
    assert 0 < found.mask.mean() < 1
    direct = beat_counterfactual("beat_sparse", query, label_set(["MI"]), donors, model, SETTINGS)
    assert (direct.valid, direct.note) == (True, "")
    assert direct.signal_mv.tobytes() == found.signal_mv.tobytes()
    assert found.searched > direct.searched


@pytest.mark.parametrize("method", BEAT_METHODS)
def test_without_beats_donors_are_taken_as_they_are(method: str) -> None:
    model, donors = level_model(), donor_set(prototype_set(["NORM", "MI"]))
    query = make_query(recording("NORM", seed=99), NO_BEATS, model)
    found = beat_counterfactual(method, query, label_set(["MI"]), donors, model, SETTINGS)
    assert (found.valid, found.note) == (True, NO_R_PEAKS)


def test_what_turns_back_when_shifted_is_passed_over_for_what_does_not() -> None:
    """A donor whose R waves are one sample wide promises more than one whose R waves are broad and just tall enough."""
    thin, broad = tall(0.0), tall(0.0)
    thin[BEATS, V5] += 6
    for offset in range(-6, 7):
        broad[BEATS + offset, V5] = tall(0.0)[BEATS, V5] + 1.03
    model, hyp = tall_model(), label_set(["HYP"])

    def found(*signals: NDArray[np.float32]) -> Counterfactual:
        records = replace(hyp_donors(*[1.0] * len(signals)).records, signals_mv=np.stack(signals))
        return beat_counterfactual(
            "beat_sparse", norm_query(), hyp, donor_set(records, BEATS), model, SETTINGS
        )

    alone, both = found(thin), found(thin, broad)
    assert alone.valid
    assert alone.margin < 0
    assert TURNS_BACK in alone.note
    assert (both.valid, both.prototype, both.note) == (True, 1, NARROWLY)
    assert 0 <= both.margin < SETTINGS.margin


def test_what_no_donor_reaches_is_said() -> None:
    found = beat_counterfactual(
        "wave_sparse", norm_query(), label_set(["HYP"]), hyp_donors(0.3, 0.6), tall_model(), SETTINGS
    )
    assert (found.valid, found.note, found.prototype) == (False, NOT_REACHED, 1)
    assert found.margin < 0


def test_several_labels_may_be_asked_for() -> None:
    """A model that calls tall R waves HYP and, from 0.5 mV on, CD as well."""
    tall_only = tall_model()

    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        found = tall_only.probabilities(signals_mv).copy()
        found[:, 3] = found[:, 4]
        return found

    model = differentiable(probabilities, AT_R_PEAKS)
    query = make_query(tall(0.0), BEATS, model)
    both = label_set(["CD", "HYP"])
    found = beat_counterfactual("wave_sparse", query, both, hyp_donors(2.0), model, SETTINGS)
    assert found.valid
    assert (model.labels(found.signal_mv[None])[0] == both).all()


@pytest.mark.parametrize("method", BEAT_METHODS)
def test_what_cannot_be_asked_is_refused(method: str) -> None:
    with pytest.raises(InputError, match="The model already predicts NORM; choose another target"):
        beat_counterfactual(
            method, norm_query(), label_set(["NORM"]), hyp_donors(2.0), tall_model(), SETTINGS
        )
    with pytest.raises(InputError, match="There is no donor of MI; choose another target"):
        beat_counterfactual(method, norm_query(), label_set(["MI"]), hyp_donors(2.0), tall_model(), SETTINGS)


def test_every_method_is_made_for_every_target_in_order() -> None:
    prototypes = donor_set(prototype_set(["NORM", "MI", "CD"]))
    query = make_query(recording("NORM", seed=99), PEAKS[:-1] + 30, level_model())
    settings = MethodSettings(
        SparseSettings((0.5, 1.0), shortest_segment=10, r_peak_radius=5, r_peak_weight=2.0),
        dict.fromkeys(BEAT_METHODS, SETTINGS),
    )
    targets, sources = [label_set(["MI"]), label_set(["CD"])], DonorSets(prototypes, prototypes)
    found = explain_query(query, targets, METHODS, sources, level_model(), settings)
    assert [one.method for one in found] == [*METHODS, *METHODS]
    assert {one.prototype for one in found[: len(METHODS)]} == {1}
    alone = explain_query(query, targets[1:], ["beat_sparse"], sources, level_model(), settings)
    assert (
        alone[0].signal_mv.tobytes() == found[len(METHODS) + METHODS.index("beat_sparse")].signal_mv.tobytes()
    )
    with pytest.raises(ValueError, match="unknown methods: \\['waves'\\]"):
        explain_query(query, targets, ["waves"], sources, level_model(), settings)


def test_peaks_of_a_donor_are_found_once() -> None:
    donors = Donors(hyp_donors(2.0).records)
    first = donors.peaks(0)
    assert np.abs(first[:, None] - BEATS).min(axis=1).max() <= 1
    assert donors.peaks(0) is first
